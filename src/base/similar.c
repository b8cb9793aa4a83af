/* SPDX-License-Identifier: MIT */
#include "base/similar.h"

#include <string.h>

#define LEN_MAX 64

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Three rows of the table are enough: a swap looks two rows back. */
size_t similar_distance(const char *a, const char *b)
{
	size_t rows[3][LEN_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2], *spare;
	size_t n = strlen(a), m = strlen(b), i, j;

	if (n > LEN_MAX || m > LEN_MAX)
		return LEN_MAX;
	for (j = 0; j <= m; j++)
		before[j] = above[j] = j;
	for (i = 1; i <= n; i++) {
		row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = min2(min2(above[j] + 1, row[j - 1] + 1),
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min2(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[m];
}

int similar_better(const char *given, const char *known, size_t *best)
{
	size_t d = similar_distance(given, known);

	if (d >= *best || d * 2 > strlen(known))
		return 0;
	*best = d;
	return 1;
}
