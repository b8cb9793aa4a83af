/* SPDX-License-Identifier: MIT */
/*
 * The two websockets of a migration between servers ("control" and "fs"): either the other side opens them, with secrets
 * that count once, or berth-migrate opens them at the other server. Never in the journal.
 */
#ifndef BERTH_INSTANCE_MIGRATE_LINK_H
#define BERTH_INSTANCE_MIGRATE_LINK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <uv.h>

#include "base/error.h"
#include "proc/op.h"

enum { LINK_CONTROL, LINK_FS, LINK_N };

struct migrate_link;

/*
 * The operation has it from now on, in its data, and frees it there; the secrets, if the other side connects, are in its
 * metadata.
 */
void migrate_link_attach(struct migrate_link *l_taken, struct op *op, struct migrate_link **ret_slot);
/* Of an operation whose client opens them, while it goes on; or NULL. Any operation. */
struct migrate_link *migrate_link_of(const struct op *op);

struct migrate_link *migrate_link_new(uv_loop_t *loop); /* the other side opens them */
/* {"operation", "certificate", "websockets" or "secrets": {"control", "fs"}}. NULL: err, in LXD's words. */
struct migrate_link *migrate_link_dial(uv_loop_t *loop, const cJSON *target, struct error *err);
void migrate_link_free(struct migrate_link *l); /* closes them; NULL is fine */

cJSON *migrate_link_secrets(const struct migrate_link *l); /* {"control", "fs"} */
bool migrate_link_dials(const struct migrate_link *l);

/* ---- for who accepts: which one has this secret; -1: none, or it was used. From now on it counts as used. */
int migrate_link_take(struct migrate_link *l, const char *secret);
/* It is about to be opened: end is called once, when the link goes, unless migrate_link_gone() came before. */
void migrate_link_expect(struct migrate_link *l, int which, void (*end)(void *data), void *data);
void migrate_link_opened(struct migrate_link *l, int which, int fd_taken);
void migrate_link_gone(struct migrate_link *l, int which); /* the other side has left */

/* ---- for steps of the operation that has it. wait: both are open, or are to be dialled: then is called, at once or after OP_WAIT. 10 s, as in LXD. */
enum op_result migrate_link_wait(struct migrate_link *l, struct op *op, op_fn then, struct error *err);
void migrate_link_cancel(struct migrate_link *l); /* the wait ends with ERROR_CANCELLED */
/*
 * berth-migrate COMMAND SPEC as (part of) this step: its progress is the operation's. done is called when it ended well;
 * or the step fails in its words.
 */
enum op_result migrate_link_run(struct migrate_link *l, struct op *op, const char *command, const char *spec, op_fn done,
				struct error *err);
/* "berth-migrate done" on a link that was accepted. */
enum op_result migrate_link_say_done(struct migrate_link *l, struct op *op, op_fn done, struct error *err);

#endif
