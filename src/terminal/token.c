/* SPDX-License-Identifier: MIT */
#include "terminal/token.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/ident.h"
#include "base/mem.h"

struct token {
	TAILQ_ENTRY(token) link;
	uint8_t hash[SECRET_HASH_SIZE];
	uint64_t expires;
	struct token_claim claim;
};

TAILQ_HEAD(token_list, token);

struct tokens {
	struct token_list list; /* oldest first */
	size_t n;
};

void secret_hash(const char *text, uint8_t out[SECRET_HASH_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(text), (const uint8_t *)text);
	sha256_digest(&ctx, SECRET_HASH_SIZE, out);
}

bool secret_equal(const uint8_t a[SECRET_HASH_SIZE], const uint8_t b[SECRET_HASH_SIZE])
{
	return nettle_memeql_sec(a, b, SECRET_HASH_SIZE) == 1;
}

void token_claim_clear(struct token_claim *c)
{
	free(c->name);
	free(c->uuid);
	free(c->host);
	*c = (struct token_claim){ 0 };
}

struct tokens *tokens_new(void)
{
	struct tokens *t = mem_alloc(sizeof(*t));

	TAILQ_INIT(&t->list);
	return t;
}

static void drop(struct tokens *t, struct token *token)
{
	TAILQ_REMOVE(&t->list, token, link);
	t->n--;
	token_claim_clear(&token->claim);
	explicit_bzero(token->hash, sizeof(token->hash));
	free(token);
}

void tokens_clear(struct tokens *t)
{
	struct token *token, *next;

	for (token = TAILQ_FIRST(&t->list); token; token = next) {
		next = TAILQ_NEXT(token, link);
		drop(t, token);
	}
}

void tokens_free(struct tokens *t)
{
	if (!t)
		return;
	tokens_clear(t);
	free(t);
}

size_t tokens_count(const struct tokens *t)
{
	return t->n;
}

void tokens_expire(struct tokens *t, uint64_t now)
{
	struct token *token, *next;

	for (token = TAILQ_FIRST(&t->list); token; token = next) {
		next = TAILQ_NEXT(token, link);
		if (token->expires <= now)
			drop(t, token);
	}
}

static void make_room(struct tokens *t, const char *name)
{
	struct token *token, *oldest = NULL;
	size_t n = 0;

	TAILQ_FOREACH(token, &t->list, link) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not see that the list forgot what was freed */
		if (strcmp(token->claim.name, name) != 0)
			continue;
		oldest = oldest ? oldest : token;
		n++;
	}
	if (n >= TOKEN_PER_INSTANCE)
		drop(t, oldest);
}

int tokens_add(struct tokens *t, const struct token_claim *claim, uint64_t now, uint64_t ttl_ms,
	       char ret_token[TOKEN_TEXT_SIZE], struct error *err)
{
	struct token *token;

	tokens_expire(t, now);
	make_room(t, claim->name);
	if (t->n >= TOKEN_MAX)
		return error_set(err, ERROR_UNAVAILABLE, "%d terminal URLs wait to be opened: no more than that",
				 TOKEN_MAX);
	token = mem_alloc(sizeof(*token));
	ident_random_hex(ret_token, 32);
	secret_hash(ret_token, token->hash);
	token->expires = now + ttl_ms;
	token->claim.name = mem_strdup(claim->name);
	token->claim.uuid = mem_strdup(claim->uuid);
	token->claim.host = mem_strdup(claim->host);
	TAILQ_INSERT_TAIL(&t->list, token, link);
	t->n++;
	return 0;
}

bool tokens_claim(struct tokens *t, const char *text, uint64_t now, struct token_claim *ret)
{
	uint8_t hash[SECRET_HASH_SIZE];
	struct token *token, *found = NULL;

	secret_hash(text, hash);
	TAILQ_FOREACH(token, &t->list, link)
		if (secret_equal(token->hash, hash))
			found = token;
	if (!found)
		return false;
	if (found->expires <= now) {
		drop(t, found);
		return false;
	}
	*ret = found->claim;
	found->claim = (struct token_claim){ 0 };
	drop(t, found);
	return true;
}

bool tokens_have_host(const struct tokens *t, const char *host)
{
	struct token *token;

	TAILQ_FOREACH(token, &t->list, link)
		if (strcasecmp(token->claim.host, host) == 0)
			return true;
	return false;
}
