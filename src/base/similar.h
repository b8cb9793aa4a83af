/* SPDX-License-Identifier: MIT */
/* "did you mean": how far two words are apart. */
#ifndef BERTH_BASE_SIMILAR_H
#define BERTH_BASE_SIMILAR_H

#include <stddef.h>

#define SIMILAR_MAX 3 /* further apart is not similar */

/*
 * Damerau-Levenshtein distance (insert, delete, replace, swap neighbours), case
 * counts.  Words of more than 64 bytes are not compared: the answer is 64.
 */
size_t similar_distance(const char *a, const char *b);

/*
 * Call for each known word with the same *best (start with SIMILAR_MAX + 1);
 * true when this one is nearer than those before.  A word that shares less
 * than half of its letters does not count.
 */
int similar_better(const char *given, const char *known, size_t *best);

#endif
