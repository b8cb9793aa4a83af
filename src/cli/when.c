/* SPDX-License-Identifier: MIT */
#include "cli/when.h"

#include <stdio.h>

#include "base/ident.h"

bool when_parse(const char *rfc3339, time_t *ret)
{
	return rfc3339 && time_parse(rfc3339, ret) == 0 && *ret > 0;
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
