/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/expiry.h"

#define NOW 1795339800 /* 2026-11-22 09:30 UTC */

static void good(void **state)
{
	static const struct {
		const char *text;
		const char *then;
	} cases[] = {
		{ "5M", "2026-11-22 09:35" },
		{ "2H", "2026-11-22 11:30" },
		{ "10d", "2026-12-02 09:30" },
		{ "4w", "2026-12-20 09:30" },
		{ "3m", "2027-02-22 09:30" },
		{ "1y", "2027-11-22 09:30" },
		{ "60S", "2026-11-22 09:31" },
		{ "1M 2H 3d 4w 5m 6y", "2033-05-23 11:31" },
		{ "  1d   12H ", "2026-11-23 21:30" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_INIT;
		char text[32];
		time_t then;
		struct tm tm;

		if (expiry_after(cases[i].text, NOW, &then, &err) < 0)
			fail_msg("'%s': %s", cases[i].text, err.msg);
		gmtime_r(&then, &tm);
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
		assert_string_equal(text, cases[i].then);
	}
}

static void never(void **state)
{
	struct error err = ERROR_INIT;
	time_t then = 1;

	assert_int_equal(expiry_after("", NOW, &then, &err), 0);
	assert_int_equal(then, 0);
}

static void bad(void **state)
{
	static const char *const cases[] = { "5", "d", "5x", "5dd", "-5d", "5d 3d", "5d,3H", "1.5d", "100001d", "99999999999d",
					     "5 d", NULL };

	for (const char *const *c = cases; *c != NULL; c++) {
		struct error err = ERROR_INIT;
		time_t then = 7;

		if (expiry_after(*c, NOW, &then, &err) == 0)
			fail_msg("'%s' was accepted", *c);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_int_equal(then, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(never), cmocka_unit_test(bad) };

	return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
