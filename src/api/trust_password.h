/* SPDX-License-Identifier: MIT */
/* core.trust_password: how it is kept, and how it is guessed slowly. */
#ifndef BERTH_API_TRUST_PASSWORD_H
#define BERTH_API_TRUST_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* "pbkdf2-sha256:ROUNDS:SALT:HASH" of a password of 1 to 1024 bytes. NULL with err. Caller frees. */
char *trust_password_hash(const char *password, struct error *err);
bool trust_password_matches(const char *hash, const char *password);

/*
 * Of one who guesses: after five wrong ones from one address (of IPv6: one /64) in a minute, and after thirty from all
 * together, none is looked at until the minute is over. Times are milliseconds of any clock that does not go back.
 */
bool trust_password_may_try(const char *host, uint64_t now);
void trust_password_was_wrong(const char *host, uint64_t now);
void trust_password_was_right(const char *host);

#endif
