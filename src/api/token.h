/* SPDX-License-Identifier: MIT */
/*
 * Operations of LXD's class "token": they do nothing but wait until somebody shows the secret that they were made with, or
 * they are cancelled. In memory only.
 */
#ifndef BERTH_API_TOKEN_H
#define BERTH_API_TOKEN_H

#include "proc/op.h"

/* A kind of them: name, description and its one step, TOKEN_STEP. */
#define TOKEN_KIND .class_name = "token", .cancel = token_cancelled, .volatile_ = true, .coordinator = true, .may_cancel = true
/* seconds: how long; 0 with OP_ENDLESS. */
#define TOKEN_STEP(seconds, flags) { "wait", step_token_wait, NULL, seconds, flags }
enum op_result step_token_wait(struct op *op, struct error *err);
void token_cancelled(struct op *op);

#define TOKENS_MAX 1000 /* of a kind, that wait */

/* args and resources (or NULL) are taken, also on failure; ERROR_UNAVAILABLE: there are too many. The secret, 64 hexadecimal digits, is "secret" of its args and its metadata. */
struct op *token_start(struct op_queue *q, const struct op_kind *kind, cJSON *args, cJSON *resources, struct error *err);
/* The one with this secret that waits still, or NULL. All are compared, each in the same time whatever differs. */
struct op *token_of_secret(struct op_queue *q, const struct op_kind *kind, const char *secret);

#endif
