/* SPDX-License-Identifier: MIT */
/* How long things are kept, as LXD writes it: "1S 2M 3H 4d 5w 6m 7y" (seconds, minutes, hours, days, weeks, months, years). */
#ifndef BERTH_BASE_EXPIRY_H
#define BERTH_BASE_EXPIRY_H

#include <time.h>

#include "base/error.h"

/*
 * The time that much after `from`, by the calendar (UTC) for months and years: January 31 and a month is March 2 or 3.
 * Each unit once, in any order, blanks between them. An empty text is 0: never. ERROR_INVALID names the part.
 */
int expiry_after(const char *text, time_t from, time_t *ret, struct error *err);

#endif
