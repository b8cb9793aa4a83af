/* SPDX-License-Identifier: MIT */
/* Tokens of /1.0/certificates: operations of class "token" that a stranger's certificate is trusted for, once. */
#ifndef BERTH_API_CERTIFICATES_H
#define BERTH_API_CERTIFICATES_H

#include "api/router.h"

/* Replies: 202, or 400 when nothing listens that a token could be used at. name is the certificate's to be. */
void token_create(struct request *r, const char *name);
/*
 * Is text what `lxc remote add` sends for a token, base64 of {"client_name","fingerprint","addresses","secret",…}?
 * *ret_op is then its operation, or NULL: there is none (any more).
 */
bool token_find(struct berthd *b, const char *text, struct op **ret_op);
bool token_expired(struct op *op); /* core.remote_token_expiry, as it was when the token was made, is over */
const char *token_name(struct op *op); /* that the certificate is to have; borrowed */
void token_spend(struct op *op);       /* it ends: nobody else comes in with it */

#endif
