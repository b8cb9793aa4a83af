/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cron.h"

static struct cron parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct cron c;

	if (cron_parse(text, &c, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
	return c;
}

/* "2026-11-22 09:30" in the local time zone, which is UTC here */
static struct tm at(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	(void)timegm(&tm); /* the day of the week */
	return tm;
}

static void matches(void **state)
{
	static const struct {
		const char *schedule, *when;
		bool match;
	} cases[] = {
		{ "* * * * *", "2026-11-22 09:30", true },
		{ "? ? ? ? ?", "2026-11-22 09:30", true },
		{ "30 9 22 11 0", "2026-11-22 09:30", true },
		{ "30 9 22 NOV sun", "2026-11-22 09:30", true },
		{ "31 9 * * *", "2026-11-22 09:30", false },
		{ "*/15 * * * *", "2026-11-22 09:30", true },
		{ "*/15 * * * *", "2026-11-22 09:31", false },
		{ "3/5 * * * *", "2026-11-22 09:03", true },
		{ "3/5 * * * *", "2026-11-22 09:58", true },
		{ "3/5 * * * *", "2026-11-22 09:00", false },
		{ "0 8-18/2 * * *", "2026-11-22 10:00", true },
		{ "0 8-18/2 * * *", "2026-11-22 11:00", false },
		{ "1,5,30-32 * * * *", "2026-11-22 09:31", true },
		{ "1,5,30-32 * * * *", "2026-11-22 09:33", false },
		{ "0 0 * * 7", "2026-11-22 00:00", true },
		{ "0 0 * * 5-7", "2026-11-22 00:00", true },
		{ "0 0 * * 5-7", "2026-11-19 00:00", false },
		{ "0 0 * * MON-FRI", "2026-11-23 00:00", true },
		{ "0 0 * * MON-FRI", "2026-11-22 00:00", false },
		/* both days restricted: one of them is enough */
		{ "0 0 13 * FRI", "2026-11-13 00:00", true },
		{ "0 0 13 * FRI", "2026-11-20 00:00", true },
		{ "0 0 13 * FRI", "2026-12-13 00:00", true },
		{ "0 0 13 * FRI", "2026-12-14 00:00", false },
		{ "0 0 13 * *", "2026-11-20 00:00", false },
		{ "@hourly", "2026-11-22 09:00", true },
		{ "@hourly", "2026-11-22 09:01", false },
		{ "0 6 * * *, 0 9 * * *", "2026-11-22 09:00", true },
		{ "0 9 * * *, 0 18 * * *, @startup", "2026-11-22 09:00", true },
		{ "@startup, 0 9 * * *", "2026-11-22 09:00", true },
		{ "@startup", "2026-11-22 09:00", false },
		{ "0 6 * * *, 0 18 * * *", "2026-11-22 09:00", false },
		{ "@midnight", "2026-11-22 00:00", true },
		{ "@daily", "2026-11-22 01:00", false },
		{ "@weekly", "2026-11-22 00:00", true },
		{ "@weekly", "2026-11-23 00:00", false },
		{ "@monthly", "2026-11-01 00:00", true },
		{ "@annually", "2027-01-01 00:00", true },
		{ "@yearly", "2026-02-01 00:00", false },
		{ "@Monthly,@weekly", "2026-11-22 00:00", true },
		{ "@monthly, @weekly", "2026-12-01 00:00", true },
		{ "@never", "2026-11-22 00:00", false },
		{ "", "2026-11-22 00:00", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cron c = parse(cases[i].schedule);
		struct tm tm = at(cases[i].when);

		if (cron_matches(&c, &tm) != cases[i].match)
			fail_msg("'%s' at %s: not %d", cases[i].schedule, cases[i].when, cases[i].match);
	}
}

static void refusals(void **state)
{
	static const struct {
		const char *schedule, *word;
	} cases[] = {
		{ "* * * *", "Schedule must be of the form: <minute> <hour> <day-of-month> <month> <day-of-week>: it has 4 fields" },
		{ "* * * * * *", "it has 6 fields" },
		{ "60 * * * *", "Error parsing schedule: minute: 60 is not within 0-59" },
		{ "* 24 * * *", "hour: 24 is not within 0-23" },
		{ "* * 0 * *", "day of month: 0 is not within 1-31" },
		{ "* * * 13 *", "month: 13" },
		{ "* * * * 8", "day of week: 8 is not within 0-7" },
		{ "* * * FOO *", "month: 'FOO' is no number and no name" },
		{ "x * * * *", "minute: 'x' is no number" },
		{ "-1 * * * *", "minute: '-1' is no number" },
		{ "5-1 * * * *", "minute: the range 5-1 runs backwards" },
		{ "*/0 * * * *", "step of the minute: 0 is not within" },
		{ "*/ * * * *", "step of the minute: '' is no number" },
		{ "1, * * * *", "minute: '' is no number" },
		{ ",1 * * * *", "minute: ',1' is no number" },
		{ "1-2-3 * * * *", "minute: '-3' does not belong" },
		{ "1x * * * *", "minute: 'x' does not belong" },
		{ "99999999999999999999 * * * *", "is not within 0-59" },
		{ "0 0 31 2,4 *", "no month" },
		{ "0 0 30 FEB *", "no month" },
		{ "@start", "@hourly" },
		{ "0 6 * * *, 60 6 * * *", "minute: 60 is not" },
		{ "0 6 * * *,0 7 * * *", "fields" },
		{ "@daily, @foo", "@hourly" },
		{ "@daily,* * * * *", "'*' is none of" },
		{ "@", "'@' is none of" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_INIT;
		struct cron c = { .n = 3 };

		if (cron_parse(cases[i].schedule, &c, &err) == 0)
			fail_msg("'%s' was accepted", cases[i].schedule);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_int_equal(c.n, 3);
		if (strstr(err.msg, cases[i].word) == NULL)
			fail_msg("'%s': '%s' lacks '%s'", cases[i].schedule, err.msg, cases[i].word);
	}
}

static void next(void **state)
{
	static const struct {
		const char *schedule, *after, *next;
	} cases[] = {
		{ "* * * * *", "2026-11-22 09:30", "2026-11-22 09:31" },
		{ "0 0 * * *", "2026-11-22 00:00", "2026-11-23 00:00" },
		{ "30 4 1 1 *", "2026-11-22 09:30", "2027-01-01 04:30" },
		{ "0 0 29 2 *", "2026-11-22 09:30", "2028-02-29 00:00" },
		{ "@monthly,@weekly", "2026-11-29 00:00", "2026-12-01 00:00" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cron c = parse(cases[i].schedule);
		struct tm after = at(cases[i].after), want = at(cases[i].next);

		assert_int_equal(cron_next(&c, timegm(&after)), timegm(&want));
		assert_int_equal(cron_next(&c, timegm(&after) + 59), timegm(&want));
	}
	struct cron never = parse("@never");
	assert_int_equal(cron_next(&never, 0), -1);
}

/* The hour that does not exist, and the one that comes twice. */
static void summer_time(void **state)
{
	struct cron c = parse("30 2 * * *");
	time_t spring, autumn;

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	spring = cron_next(&c, 1774746000); /* 2026-03-29 02:00 CET: the next 02:30 is on the 30th, 00:30 UTC */
	autumn = cron_next(&c, 1792879200); /* 2026-10-25 00:00 CEST */
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(spring, 1774830600);
	assert_int_equal(autumn, 1792888200);
}

static void spread(void **state)
{
	struct cron c = parse("@hourly,@daily"), same = c, other = c, fixed = parse("0 0 * * *");
	struct cron untouched = fixed;

	cron_spread(&c, "c1");
	cron_spread(&same, "c1");
	cron_spread(&other, "c2");
	cron_spread(&fixed, "c1");
	assert_memory_equal(&c, &same, sizeof(c));
	assert_memory_not_equal(&c, &other, sizeof(c));
	assert_memory_equal(&fixed, &untouched, sizeof(fixed));
	for (size_t i = 0; i < c.n; i++)
		assert_int_equal(__builtin_popcountll(c.rules[i].minute), 1);
	assert_int_equal(c.rules[0].hour, 0xffffff);
	assert_int_equal(__builtin_popcount(c.rules[1].hour), 1);
	assert_int_equal(c.rules[1].dom, parse("@daily").rules[0].dom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches), cmocka_unit_test(refusals),	  cmocka_unit_test(next),
		cmocka_unit_test(spread),  cmocka_unit_test(summer_time),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
