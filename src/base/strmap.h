/* SPDX-License-Identifier: MIT */
/*
 * A hash table from strings to pointers (seeded hash: keys may be hostile).
 * Keys are copied; values are borrowed unless a free function is given.
 */
#ifndef BERTH_BASE_STRMAP_H
#define BERTH_BASE_STRMAP_H

#include <stddef.h>

struct strmap;

struct strmap *strmap_new(void (*free_value)(void *)); /* may be NULL */
void strmap_free(struct strmap *m);
void *strmap_get(const struct strmap *m, const char *key); /* or NULL */
void strmap_put(struct strmap *m, const char *key, void *value); /* frees a replaced value */
void *strmap_take(struct strmap *m, const char *key); /* removes without freeing the value */
void strmap_remove(struct strmap *m, const char *key);
size_t strmap_count(const struct strmap *m);

/* All keys sorted (strcmp), NULL-terminated; free the array only, keys stay the map's. */
const char **strmap_keys(const struct strmap *m);

/* Any order; the map must not be changed meanwhile. Starts with *pos == 0; returns 0 at the end. */
int strmap_next(const struct strmap *m, size_t *pos, const char **ret_key, void **ret_value);

#endif
