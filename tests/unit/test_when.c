/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/when.h"

static void test_parse(void **state)
{
	time_t t;

	assert_true(when_parse("2026-11-22T01:02:03Z", &t));
	assert_int_equal(t, 1795309323);
	assert_true(when_parse("2026-11-22T01:02:03.254825373Z", &t));
	assert_int_equal(t, 1795309323);
	assert_true(when_parse("2026-11-22T03:02:03+02:00", &t));
	assert_int_equal(t, 1795309323);
	assert_true(when_parse("2026-11-21T19:32:03.5-05:30", &t));
	assert_int_equal(t, 1795309323);
}

static void test_never(void **state)
{
	time_t t;

	assert_false(when_parse("0001-01-01T00:00:00Z", &t));
	assert_false(when_parse("1970-01-01T00:00:00Z", &t));
	assert_false(when_parse(NULL, &t));
}

static void test_junk(void **state)
{
	static const char *const junk[] = { "",
					    "yesterday",
					    "2026-11-22",
					    "2026-11-22T01:02:03",
					    "2026-11-22T01:02:03X",
					    "2026-11-22T01:02:03Zjunk",
					    "2026-13-22T01:02:03Z",
					    "2026-11-22T01:02:03*02:00",
					    "2026-11-22T01:02:03+",
					    NULL };
	time_t t;
	int i;

	for (i = 0; junk[i]; i++)
		assert_false(when_parse(junk[i], &t));
}

static void test_format(void **state)
{
	char out[WHEN_TEXT_SIZE];

	setenv("TZ", "UTC", 1);
	tzset();
	when_format("2026-11-22T01:02:03Z", "never", out);
	assert_string_equal(out, "2026/11/22 01:02 UTC");
	when_format("0001-01-01T00:00:00Z", "never", out);
	assert_string_equal(out, "never");
	when_format_long("2026-11-22T00:40:46.240179829Z", out);
	assert_string_equal(out, "Nov 22, 2026 at 12:40am (UTC)");
	when_format_long("2026-11-02T13:02:00Z", out);
	assert_string_equal(out, "Nov 2, 2026 at 1:02pm (UTC)");
	when_format_long("nonsense", out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
