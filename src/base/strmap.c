/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing; a removal shifts its followers back, so there are no tombstones. */
#include "base/strmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

struct slot {
	char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

struct strmap {
	struct slot *slots;
	size_t cap; /* a power of two, or 0 */
	size_t count;
	uint64_t seed[2];
	void (*free_value)(void *);
};

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein); the word order of the host, the value never leaves it. */
static uint64_t hash_key(const struct strmap *m, const char *key)
{
	size_t len = strlen(key), left = len;
	uint64_t v[4] = { m->seed[0] ^ 0x736f6d6570736575, m->seed[1] ^ 0x646f72616e646f6d,
			  m->seed[0] ^ 0x6c7967656e657261, m->seed[1] ^ 0x7465646279746573 };
	uint64_t word;

	for (; left >= 8; left -= 8, key += 8) {
		memcpy(&word, key, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)len << 56;
	while (left--)
		word |= (uint64_t)(unsigned char)key[left] << (8 * left);
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct strmap *strmap_new(void (*free_value)(void *))
{
	static uint64_t seed[2];
	struct strmap *m = mem_alloc(sizeof(*m));

	if (!seed[0] && getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		seed[0] = (uintptr_t)m | 1;
	memcpy(m->seed, seed, sizeof(seed));
	m->free_value = free_value;
	return m;
}

static void drop_value(const struct strmap *m, void *value)
{
	if (m->free_value && value)
		m->free_value(value);
}

void strmap_free(struct strmap *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < m->cap; i++) {
		if (!m->slots[i].key)
			continue;
		free(m->slots[i].key);
		drop_value(m, m->slots[i].value);
	}
	free(m->slots);
	free(m);
}

/* The slot that holds key, or the free one where it belongs. */
static struct slot *find(const struct strmap *m, const char *key, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].key && (m->slots[i].hash != hash || strcmp(m->slots[i].key, key) != 0))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

static void grow(struct strmap *m)
{
	struct slot *old = m->slots;
	size_t i, n = m->cap;

	m->cap = n ? n * 2 : 8;
	m->slots = mem_alloc(m->cap * sizeof(*m->slots));
	for (i = 0; i < n; i++)
		if (old[i].key)
			*find(m, old[i].key, old[i].hash) = old[i];
	free(old);
}

void *strmap_get(const struct strmap *m, const char *key)
{
	return m->count ? find(m, key, hash_key(m, key))->value : NULL;
}

void strmap_put(struct strmap *m, const char *key, void *value)
{
	uint64_t hash = hash_key(m, key);
	struct slot *s;
	void *old;

	if ((m->count + 1) * 4 > m->cap * 3)
		grow(m);
	s = find(m, key, hash);
	if (s->key) {
		old = s->value;
		s->value = value;
		if (old != value)
			drop_value(m, old);
		return;
	}
	*s = (struct slot){ .key = mem_strdup(key), .value = value, .hash = hash };
	m->count++;
}

/* Knuth 6.4 R: every follower whose home lies at or before the hole moves into it. */
static void close_hole(struct strmap *m, size_t hole)
{
	size_t mask = m->cap - 1, i = hole;

	for (;;) {
		i = (i + 1) & mask;
		if (!m->slots[i].key)
			break;
		if (((i - (size_t)m->slots[i].hash) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct slot){ .key = NULL };
}

void *strmap_take(struct strmap *m, const char *key)
{
	struct slot *s;
	void *value;

	if (!m->count)
		return NULL;
	s = find(m, key, hash_key(m, key));
	if (!s->key)
		return NULL;
	value = s->value;
	free(s->key);
	close_hole(m, (size_t)(s - m->slots));
	m->count--;
	return value;
}

void strmap_remove(struct strmap *m, const char *key)
{
	drop_value(m, strmap_take(m, key));
}

size_t strmap_count(const struct strmap *m)
{
	return m->count;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **strmap_keys(const struct strmap *m)
{
	const char **keys = mem_realloc(NULL, m->count + 1, sizeof(*keys));
	size_t i, n = 0;

	for (i = 0; i < m->cap; i++)
		if (m->slots[i].key)
			keys[n++] = m->slots[i].key;
	keys[n] = NULL;
	qsort(keys, n, sizeof(*keys), compare_keys);
	return keys;
}

int strmap_next(const struct strmap *m, size_t *pos, const char **ret_key, void **ret_value)
{
	while (*pos < m->cap) {
		const struct slot *s = &m->slots[(*pos)++];

		if (!s->key)
			continue;
		if (ret_key)
			*ret_key = s->key;
		if (ret_value)
			*ret_value = s->value;
		return 1;
	}
	return 0;
}
