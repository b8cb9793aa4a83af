/* SPDX-License-Identifier: MIT */
/* The server's RFC 3339 times as people read them, in the local time zone. */
#ifndef BERTH_CLI_WHEN_H
#define BERTH_CLI_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define WHEN_TEXT_SIZE 64

/* False when it is no RFC 3339 time, or one of the two that mean "never" (the years 1 and 1970). */
bool when_parse(const char *rfc3339, time_t *ret);

void when_format(const char *rfc3339, const char *never, char out[WHEN_TEXT_SIZE]); /* "2026/11/22 01:02 UTC" */
void when_format_long(const char *rfc3339, char out[WHEN_TEXT_SIZE]); /* "Nov 22, 2026 at 1:02am (UTC)", or "" */

#endif
