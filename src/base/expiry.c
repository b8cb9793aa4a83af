/* SPDX-License-Identifier: MIT */
#include "base/expiry.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

static const char units[] = "SMHdwmy";

enum { AMOUNT_MAX = 100000 };

static int add(struct tm *tm, char unit, int n, struct error *err)
{
	switch (unit) {
	case 'S':
		tm->tm_sec += n;
		return 0;
	case 'M':
		tm->tm_min += n;
		return 0;
	case 'H':
		tm->tm_hour += n;
		return 0;
	case 'd':
		tm->tm_mday += n;
		return 0;
	case 'w':
		tm->tm_mday += 7 * n;
		return 0;
	case 'm':
		tm->tm_mon += n;
		return 0;
	case 'y':
		tm->tm_year += n;
		return 0;
	default:
		return error_set(err, ERROR_INVALID, "'%c' is no unit: S (seconds), M (minutes), H, d, w, m (months) or y", unit);
	}
}

/* "14d" */
static int take_part(const char *part, struct tm *tm, unsigned *seen, struct error *err)
{
	const char *p = part, *unit;
	int n = 0;

	for (; isdigit((unsigned char)*p); p++)
		n = n > AMOUNT_MAX ? n : n * 10 + (*p - '0');
	if (p == part || p[0] == '\0' || p[1] != '\0')
		return error_set(err, ERROR_INVALID, "'%.20s' is no number with one of the units S, M, H, d, w, m, y", part);
	if (n > AMOUNT_MAX)
		return error_set(err, ERROR_INVALID, "'%.20s' is too long: at most %d of a unit", part, AMOUNT_MAX);
	unit = strchr(units, *p);
	if (unit != NULL && (*seen & 1u << (unit - units)) != 0)
		return error_set(err, ERROR_INVALID, "'%c' is there twice", *p);
	if (unit != NULL)
		*seen |= 1u << (unit - units);
	return add(tm, *p, n, err);
}

int expiry_after(const char *text, time_t from, time_t *ret, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char *save = NULL;
	unsigned seen = 0;
	struct tm tm;
	int parts = 0;

	if (gmtime_r(&from, &tm) == NULL)
		return error_set(err, ERROR_INVALID, "the time is out of range");
	for (char *part = strtok_r(copy, " ", &save); part != NULL; part = strtok_r(NULL, " ", &save), parts++)
		if (take_part(part, &tm, &seen, err) < 0)
			return error_wrap(err, "Invalid expiry expression");
	*ret = parts > 0 ? timegm(&tm) : 0;
	return 0;
}
