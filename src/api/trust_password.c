/* SPDX-License-Identifier: MIT */
#include "api/trust_password.h"

#include <arpa/inet.h>
#include <nettle/pbkdf2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "base/text.h"

#define ROUNDS 60000 /* some 20 ms */
#define ROUNDS_MAX 10000000
#define SALT_BYTES 16
#define HASH_BYTES 32
#define PASSWORD_MAX 1024
#define PREFIX "pbkdf2-sha256"

#define WINDOW_MS 60000
#define WRONG_MAX 5
#define WRONG_MAX_ALL 30
#define GUESSERS_MAX 64

/* ---- hashing. The salt is used as its hex digits stand */

static void derive(const char *password, unsigned rounds, const char *salt, char out[2 * HASH_BYTES + 1])
{
	uint8_t bytes[HASH_BYTES];

	pbkdf2_hmac_sha256(strlen(password), (const uint8_t *)password, rounds, strlen(salt), (const uint8_t *)salt,
			   sizeof(bytes), bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
}

char *trust_password_hash(const char *password, struct error *err)
{
	char salt[2 * SALT_BYTES + 1], hash[2 * HASH_BYTES + 1];

	if (!*password || strlen(password) > PASSWORD_MAX) {
		error_set(err, ERROR_INVALID, "a password has from 1 to %d bytes", PASSWORD_MAX);
		return NULL;
	}
	ident_random_hex(salt, SALT_BYTES);
	derive(password, ROUNDS, salt, hash);
	return mem_printf(PREFIX ":%d:%s:%s", ROUNDS, salt, hash);
}

bool trust_password_matches(const char *hash, const char *password)
{
	char salt[65], known[65], given[2 * HASH_BYTES + 1];
	unsigned rounds;

	if (strlen(password) > PASSWORD_MAX || sscanf(hash, PREFIX ":%8u:%64[0-9a-f]:%64[0-9a-f]", &rounds, salt, known) != 3 ||
	    rounds == 0 || rounds > ROUNDS_MAX)
		return false;
	derive(password, rounds, salt, given);
	return text_same_secret(known, given);
}

/* ---- guessing */

struct guesser {
	char from[INET6_ADDRSTRLEN + 4];
	uint64_t since; /* of its minute */
	unsigned wrong; /* 0: a free place */
};

static struct guesser guessers[GUESSERS_MAX], everybody;

static void key_of(const char *host, char out[INET6_ADDRSTRLEN + 4])
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, host, &six) != 1) {
		snprintf(out, INET6_ADDRSTRLEN + 4, "%.45s", host);
		return;
	}
	memset(&six.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &six, out, INET6_ADDRSTRLEN);
}

static struct guesser *find(const char *host)
{
	char key[INET6_ADDRSTRLEN + 4];

	key_of(host, key);
	for (size_t i = 0; i < GUESSERS_MAX; i++)
		if (guessers[i].wrong > 0 && strcmp(guessers[i].from, key) == 0)
			return &guessers[i];
	return NULL;
}

static struct guesser *oldest(void)
{
	struct guesser *g = &guessers[0];

	for (size_t i = 0; i < GUESSERS_MAX; i++) {
		if (guessers[i].wrong == 0)
			return &guessers[i];
		if (guessers[i].since < g->since)
			g = &guessers[i];
	}
	return g;
}

static bool below(const struct guesser *g, unsigned max, uint64_t now)
{
	return !g || g->wrong < max || now - g->since >= WINDOW_MS;
}

bool trust_password_may_try(const char *host, uint64_t now)
{
	return below(find(host), WRONG_MAX, now) && below(&everybody, WRONG_MAX_ALL, now);
}

static void count(struct guesser *g, uint64_t now)
{
	if (g->wrong == 0 || now - g->since >= WINDOW_MS) {
		g->since = now;
		g->wrong = 0;
	}
	g->wrong++;
}

void trust_password_was_wrong(const char *host, uint64_t now)
{
	struct guesser *g = find(host);

	if (!g) {
		g = oldest();
		*g = (struct guesser){ 0 };
		key_of(host, g->from);
	}
	count(g, now);
	count(&everybody, now);
}

void trust_password_was_right(const char *host)
{
	struct guesser *g = find(host);

	if (g)
		g->wrong = 0;
}
