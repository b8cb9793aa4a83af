/* SPDX-License-Identifier: MIT */
/*
 * The strict half of json_parse(): RFC 8259 to the letter, in one pass and
 * without building anything, so that cJSON only ever sees good text.
 */
#ifndef BERTH_BASE_JSON_SCAN_H
#define BERTH_BASE_JSON_SCAN_H

#include <stddef.h>

#include "base/error.h"

/* ERROR_INVALID naming the byte offset and the rule, see json_parse(). */
int json_scan(const char *text, size_t len, struct error *err);

/* Bytes of the UTF-8 sequence at s (at most n are there), 0 when it is not valid UTF-8. */
size_t json_utf8_len(const char *s, size_t n);

#endif
