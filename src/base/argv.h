/* SPDX-License-Identifier: MIT */
/*
 * An argument vector under construction.  Invariant: v is NULL-terminated once
 * anything was pushed.  Strings are copies, unless pushed with _take.
 */
#ifndef BERTH_BASE_ARGV_H
#define BERTH_BASE_ARGV_H

#include <stddef.h>

struct argv {
	char **v;
	size_t n;
	size_t cap;
};

#define ARGV_INIT { .v = NULL, .n = 0, .cap = 0 }

void argv_push(struct argv *a, const char *s);
void argv_push_take(struct argv *a, char *s);
void argv_pushf(struct argv *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void argv_pushl(struct argv *a, ...) __attribute__((sentinel));
void argv_clear(struct argv *a);

/* One line for logs, quoted for sh where needed; caller frees. */
char *argv_quote(const struct argv *a);

#define AUTO_ARGV __attribute__((cleanup(argv_clear)))

#endif
