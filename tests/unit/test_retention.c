/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "model/exclude.h"
#include "model/retention.h"

/* Newest first. Monday 2026-11-16 begins the ISO week 47; 2026-01-01 lies in week 1, 2025-12-29 too. */
static const char *const TIMES[] = { "2026-11-22 23:00", "2026-11-22 01:00", "2026-11-21 12:00", "2026-11-16 00:00",
				     "2026-11-15 23:59", "2026-10-31 10:00", "2026-01-01 00:00", "2025-12-31 23:59",
				     "2025-12-29 08:00", "2025-12-28 08:00" };
enum { COUNT = sizeof(TIMES) / sizeof(TIMES[0]) };

static void times_of(time_t *ret)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct tm tm = { .tm_isdst = -1 };

		assert_non_null(strptime(TIMES[i], "%Y-%m-%d %H:%M", &tm));
		ret[i] = mktime(&tm);
	}
}

/* "x" is kept, "." is not. */
static void keeps(const char *rules, const char *want)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = retention_parse(rules, &err);
	char got[COUNT + 1] = "";
	struct retention r;
	time_t times[COUNT];
	bool keep[COUNT];

	assert_non_null(v);
	assert_int_equal(retention_from_json(v, &r, &err), 0);
	times_of(times);
	retention_apply(&r, times, COUNT, keep);
	for (size_t i = 0; i < COUNT; i++)
		got[i] = keep[i] ? 'x' : '.';
	if (strcmp(got, want) != 0)
		fail_msg("'%s' keeps %s, wanted: %s", rules, got, want);
}

static void rules(void **state)
{
	keeps("", "xxxxxxxxxx");
	keeps("last=0,daily=0", "xxxxxxxxxx");
	keeps("last=1", "x.........");
	keeps("last=3", "xxx.......");
	keeps("last=10000", "xxxxxxxxxx");
	keeps("daily=3", "x.xx......");
	keeps("daily=100", "x.xxxxxxxx");
	keeps("weekly=2", "x...x.....");
	/* the end of a year does not end a week */
	keeps("weekly=100", "x...xxx..x");
	keeps("monthly=2", "x....x....");
	keeps("monthly=100", "x....xxx..");
	keeps("last=2,daily=3,weekly=2,monthly=3", "xxxxxxx...");
}

static void nothing_to_keep(void **state)
{
	struct retention r = { .last = 3 };
	bool keep = false;

	retention_apply(&r, NULL, 0, &keep);
	assert_false(keep);
}

static void bad_rules(void **state)
{
	static const char *const bad[] = { "3", "last", "last=", "last=x", "last=-1", "last=10001", "last=1,last=2",
					   "hourly=1", "last=1;daily=2", "Last=1", ",last=1", "last=1 ,daily=2" };
	static const char *const bad_json[] = { "[]", "3", "{\"hourly\":1}", "{\"last\":-1}", "{\"last\":1.5}",
						"{\"last\":\"3\"}", "{\"last\":10001}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		if (retention_parse(bad[i], &err) != NULL)
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(err.code, ERROR_INVALID);
	}
	for (size_t i = 0; i < sizeof(bad_json) / sizeof(bad_json[0]); i++) {
		AUTO_JSON cJSON *v = cJSON_Parse(bad_json[i]);
		struct error err = ERROR_INIT;
		struct retention r;

		if (retention_from_json(v, &r, &err) == 0)
			fail_msg("'%s' is taken", bad_json[i]);
	}
}

static void excludes(void **state)
{
	static const char *const good[] = { "/var/tmp", "var/tmp/", "*.o", "/a/..b", "/home/*/.cache", "/..." };
	static const char *const bad[] = { "", "/", "//", ".", "..", "/a/../b", "./a", "/a/.", "a\nb", "a\tb" };
	AUTO_JSON cJSON *list = exclude_split(" /a , ,/b/*,,");

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct error err = ERROR_INIT;

		if (exclude_check(good[i], &err) < 0)
			fail_msg("'%s': %s", good[i], err.msg);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		if (exclude_check(bad[i], &err) == 0)
			fail_msg("'%s' is taken", bad[i]);
	}
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_string_equal(cJSON_GetArrayItem(list, 0)->valuestring, "/a");
	assert_string_equal(cJSON_GetArrayItem(list, 1)->valuestring, "/b/*");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(nothing_to_keep),
		cmocka_unit_test(bad_rules),
		cmocka_unit_test(excludes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
