/* SPDX-License-Identifier: MIT */
/* What texts from outside may hold; hashes and comparisons of texts. */
#ifndef BERTH_BASE_TEXT_H
#define BERTH_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

bool text_is_line(const char *s); /* no control characters (below ' ', and DEL) */
bool text_is_word(const char *s); /* nor blanks */

/* FNV-1a: stable for ever (names of interfaces and tables are made of it) and even, but no protection. */
#define TEXT_HASH_BEGIN UINT64_C(14695981039346656037)
uint64_t text_hash(uint64_t hash, const char *s); /* goes on from hash, or from TEXT_HASH_BEGIN */
uint32_t text_hash32(const char *s);

/* Takes as long for a wrong secret as for the right one; not so if only their lengths differ. */
bool text_same_secret(const char *a, const char *b);

#endif
