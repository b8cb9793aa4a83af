/* SPDX-License-Identifier: MIT */
/* Random identifiers, time stamps and digests as the API writes them. */
#ifndef BERTH_BASE_IDENT_H
#define BERTH_BASE_IDENT_H

#include <stddef.h>
#include <time.h>

#define UUID_TEXT_SIZE 37
#define TIME_TEXT_SIZE 40
#define SHA256_TEXT_SIZE 65
#define TIME_UNSET "0001-01-01T00:00:00Z" /* Go's zero time: what LXD sends for "never" */
#define TIME_NEVER "1970-01-01T00:00:00Z" /* what it sends for the last use of an instance that never ran */

void ident_uuid(char out[UUID_TEXT_SIZE]); /* RFC 4122 version 4, getrandom(2) */
void ident_random_hex(char *out, size_t bytes); /* writes 2*bytes digits and NUL */

void time_rfc3339(struct timespec ts, char out[TIME_TEXT_SIZE]); /* UTC, nanoseconds, "Z" */
void time_now(char out[TIME_TEXT_SIZE]);
/* Strict RFC 3339 ("2026-11-22T09:30:00Z", ".123", "+01:00"); whole seconds, cut. -1: it is none (ret untouched). */
int time_parse(const char *rfc3339, time_t *ret);

/* SHA-256 (FIPS 180-4) by nettle; update as often as wanted. */
struct digest;
struct digest *digest_new(void);
void digest_update(struct digest *d, const void *data, size_t len);
void digest_finish(struct digest *d, char out[SHA256_TEXT_SIZE]); /* frees d */
void digest_drop(struct digest *d); /* frees without result; NULL is fine */

#endif
