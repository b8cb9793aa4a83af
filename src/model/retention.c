/* SPDX-License-Identifier: MIT */
#include "model/retention.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"

static int *field(struct retention *r, const char *name)
{
	if (strcmp(name, "last") == 0)
		return &r->last;
	if (strcmp(name, "daily") == 0)
		return &r->daily;
	if (strcmp(name, "weekly") == 0)
		return &r->weekly;
	return strcmp(name, "monthly") == 0 ? &r->monthly : NULL;
}

int retention_from_json(const cJSON *v, struct retention *ret, struct error *err)
{
	const cJSON *item;

	*ret = (struct retention){ 0 };
	if (v == NULL || cJSON_IsNull(v))
		return 0;
	if (!cJSON_IsObject(v))
		return error_set(err, ERROR_INVALID, "'keep' must be an object such as {\"last\":3,\"daily\":7}");
	cJSON_ArrayForEach(item, v) {
		int *n = field(ret, item->string);

		if (n == NULL)
			return error_set(err, ERROR_INVALID, "'keep' knows last, daily, weekly and monthly, not '%.64s'", item->string);
		if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > RETENTION_MAX ||
		    item->valuedouble != (double)item->valueint)
			return error_set(err, ERROR_INVALID, "how many to keep (%s) must be a number from 0 to %d", item->string,
					 RETENTION_MAX);
		*n = item->valueint;
	}
	return 0;
}

cJSON *retention_parse(const char *text, struct error *err)
{
	cJSON *v = cJSON_CreateObject();

	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		AUTO_FREE char *part = mem_strndup(text, len);
		char *value = strchr(part, '=');
		struct retention ignored;
		int64_t n;

		if (value != NULL)
			*value++ = '\0';
		if (value == NULL || field(&ignored, part) == NULL || cJSON_GetObjectItemCaseSensitive(v, part) != NULL ||
		    units_parse_int(value, 0, RETENTION_MAX, &n, err) < 0) {
			error_set(err, ERROR_INVALID, "'%.64s' must be like 'last=3,daily=7,weekly=4,monthly=12', numbers up to %d",
				  part, RETENTION_MAX);
			cJSON_Delete(v);
			return NULL;
		}
		json_set_int(v, part, n);
		text += len + (text[len] == ',');
	}
	return v;
}

typedef int (*period_fn)(const struct tm *tm);

static int day_of(const struct tm *tm)
{
	return tm->tm_year * 400 + tm->tm_yday;
}

static int week_of(const struct tm *tm)
{
	char text[16];

	strftime(text, sizeof(text), "%G%V", tm);
	return (int)strtol(text, NULL, 10);
}

static int month_of(const struct tm *tm)
{
	return tm->tm_year * 12 + tm->tm_mon;
}

/* Of each of the n most recent periods the newest. */
static void keep_periods(period_fn of, int n, const time_t *times, size_t count, bool *keep)
{
	int period, before = -1;
	struct tm tm;

	for (size_t i = 0; i < count && n > 0; i++) {
		localtime_r(&times[i], &tm);
		period = of(&tm);
		if (i > 0 && period == before)
			continue;
		before = period;
		keep[i] = true;
		n--;
	}
}

void retention_apply(const struct retention *r, const time_t *times, size_t n, bool *keep)
{
	bool none = r->last == 0 && r->daily == 0 && r->weekly == 0 && r->monthly == 0;

	for (size_t i = 0; i < n; i++)
		keep[i] = none || i == 0 || i < (size_t)r->last;
	if (none)
		return;
	keep_periods(day_of, r->daily, times, n, keep);
	keep_periods(week_of, r->weekly, times, n, keep);
	keep_periods(month_of, r->monthly, times, n, keep);
}
