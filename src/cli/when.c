/* SPDX-License-Identifier: MIT */
#include "cli/when.h"

#include <stdio.h>
#include <string.h>

/* "+02:00", "-0530" or "Z" (after an optional fraction) in seconds. */
static bool parse_zone(const char *s, long *ret)
{
	int hours, minutes;
	char sign;

	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	*ret = 0;
	if (strcmp(s, "Z") == 0)
		return true;
	if (sscanf(s, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-'))
		return false;
	*ret = (sign == '-' ? -1 : 1) * (hours * 3600L + minutes * 60L);
	return true;
}

bool when_parse(const char *rfc3339, time_t *ret)
{
	struct tm tm = { 0 };
	const char *rest;
	long zone;

	if (!rfc3339)
		return false;
	rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || !parse_zone(rest, &zone))
		return false;
	*ret = timegm(&tm) - zone;
	return *ret > 0;
}

void when_format(const char *rfc3339, const char *never, char out[WHEN_TEXT_SIZE])
{
	struct tm tm;
	time_t t;

	if (!when_parse(rfc3339, &t) || !localtime_r(&t, &tm) ||
	    !strftime(out, WHEN_TEXT_SIZE, "%Y/%m/%d %H:%M %Z", &tm))
		(void)snprintf(out, WHEN_TEXT_SIZE, "%s", never);
}

void when_format_long(const char *rfc3339, char out[WHEN_TEXT_SIZE])
{
	char day[32], zone[16];
	struct tm tm;
	time_t t;

	out[0] = '\0';
	if (!when_parse(rfc3339, &t) || !localtime_r(&t, &tm))
		return;
	if (!strftime(day, sizeof(day), "%b %-d, %Y at %-I:%M", &tm) || !strftime(zone, sizeof(zone), "%Z", &tm))
		return;
	(void)snprintf(out, WHEN_TEXT_SIZE, "%s%s (%s)", day, tm.tm_hour < 12 ? "am" : "pm", zone);
}
