/* SPDX-License-Identifier: MIT */
/*
 * Tokens that wait to be claimed: 256 random bits, of which only the SHA-256 is kept, each good for one instance
 * (by name and uuid), once, for a while. A look-up compares all of them, so that it takes as long for a wrong one.
 */
#ifndef BERTH_TERMINAL_TOKEN_H
#define BERTH_TERMINAL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	TOKEN_TEXT_SIZE = 65,   /* 64 hexadecimal digits and NUL */
	TOKEN_PER_INSTANCE = 8, /* the oldest gives way */
	TOKEN_MAX = 1024,       /* refused */
};

struct tokens;

struct token_claim {
	char *name;
	char *uuid;
	char *host; /* that the URL named */
};
void token_claim_clear(struct token_claim *c);

struct tokens *tokens_new(void);
void tokens_free(struct tokens *t);
/* Times are in ms of one clock. ERROR_UNAVAILABLE when TOKEN_MAX wait. */
int tokens_add(struct tokens *t, const struct token_claim *claim, uint64_t now, uint64_t ttl_ms,
	       char ret_token[TOKEN_TEXT_SIZE], struct error *err);
/* Takes it out. False: wrong, used or expired; *ret is untouched then. */
bool tokens_claim(struct tokens *t, const char *token, uint64_t now, struct token_claim *ret);
void tokens_expire(struct tokens *t, uint64_t now);
void tokens_clear(struct tokens *t);
size_t tokens_count(const struct tokens *t);
bool tokens_have_host(const struct tokens *t, const char *host); /* does a URL name it? */

/* SHA-256 of text, for secrets that are only compared. */
enum { SECRET_HASH_SIZE = 32 };
void secret_hash(const char *text, uint8_t out[SECRET_HASH_SIZE]);
bool secret_equal(const uint8_t a[SECRET_HASH_SIZE], const uint8_t b[SECRET_HASH_SIZE]); /* in constant time */

#endif
