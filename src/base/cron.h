/* SPDX-License-Identifier: MIT */
/*
 * Schedules as LXD takes them: five fields (minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, day of
 * week 0-7 or SUN-SAT, 0 and 7 being Sunday), each "*" or "?", a number, a range "1-5", a step over one of these
 * ("8-18/2", "3/5": from 3 on; with "*" every Nth), or a list of them; or @hourly, @daily, @midnight, @weekly,
 * @monthly, @annually, @yearly or @startup; or several of all these, with ", " between them (aliases also with ","); or
 * nothing, or @never: at no time. Days: when
 * both day of month and day of week are restricted, one of them is enough (crontab(5)).
 */
#ifndef BERTH_BASE_CRON_H
#define BERTH_BASE_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

struct cron_rule {
	uint64_t minute; /* bit N: N is in it; all of them */
	uint32_t hour, dom;
	uint16_t month;
	uint8_t dow; /* bit 0: Sunday */
	bool any_dom, any_dow;
	bool alias; /* cron_spread() may move its minute and hour */
};

#define CRON_RULES_MAX 16

struct cron {
	struct cron_rule rules[CRON_RULES_MAX];
	size_t n; /* 0: at no time */
	bool startup; /* @startup: when the subject starts; cron_matches() knows nothing of it */
};

/* ERROR_INVALID says which field breaks which rule; a date that never comes (February 30) is refused too. */
int cron_parse(const char *text, struct cron *ret, struct error *err);

/*
 * Moves what came from an @alias away from minute 0 (and hour 0, but for @hourly) to a time of its own, the same for
 * the same subject for ever: not all instances are to be worked on at midnight.
 */
void cron_spread(struct cron *c, const char *subject);

/* Of any field of tm but tm_sec. */
bool cron_matches(const struct cron *c, const struct tm *tm);

/* The first minute after this time, in the local time zone; -1 when there is none within nine years. */
time_t cron_next(const struct cron *c, time_t after);

#endif
