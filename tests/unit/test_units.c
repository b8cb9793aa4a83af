/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/units.h"

struct good {
	const char *text;
	uint64_t value;
};

static void check_good(int (*parse)(const char *, uint64_t *, struct error *), const struct good *cases)
{
	for (; cases->text; cases++) {
		struct error err = ERROR_INIT;
		uint64_t got = 1;

		if (parse(cases->text, &got, &err) < 0)
			fail_msg("%s: %s", cases->text, err.msg);
		assert_int_equal(got, cases->value);
	}
}

static void check_bad(int (*parse)(const char *, uint64_t *, struct error *), const char *const *cases)
{
	for (; *cases; cases++) {
		struct error err = ERROR_INIT;
		uint64_t got = 77;

		if (parse(*cases, &got, &err) == 0)
			fail_msg("'%s' was accepted", *cases);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_int_equal(got, 77);
		assert_true(err.msg[0] != 0);
	}
}

static void sizes(void **state)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "1024", 1024 },
		{ "7B", 7 },
		{ "512MB", 512000000 },
		{ "512MiB", 536870912 },
		{ "1kB", 1000 },
		{ "1KiB", 1024 },
		{ "2GB", 2000000000 },
		{ "3TiB", 3ull << 40 },
		{ "1PB", 1000000000000000 },
		{ "7EiB", 7ull << 60 },
		{ "9223372036854775807", INT64_MAX },
		{ "007", 7 },
		{ NULL, 0 },
	};
	static const char *const bad[] = {
		"",
		"MB",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1 MB",
		"1mb",
		"1KB",
		"1.5GB",
		"1M",
		"8EiB",
		"9223372036854775808",
		"99999999999999999999999",
		"10000000000000000000EB",
		"0x10",
		"1MiBx",
		"1MiB\n",
		"\xd9\xa1",
		NULL,
	};

	check_good(units_parse_size, good);
	check_bad(units_parse_size, bad);
}

static void bitrates(void **state)
{
	static const struct good good[] = {
		{ "100Mbit", 100000000 },
		{ "1Gbit", 1000000000 },
		{ "500kbit", 500000 },
		{ "10", 10 },
		{ "10bit", 10 },
		{ "1Mibit", 1048576 },
		{ "1MB", 8000000 },
		{ "1KiB", 8192 },
		{ NULL, 0 },
	};
	static const char *const bad[] = { "",	     "fast",	 "1mbit",	 "1Mbps",
					   "-5Mbit", "100 Mbit", "99999999Ebit", NULL };

	check_good(units_parse_bitrate, good);
	check_bad(units_parse_bitrate, bad);
}

static void durations(void **state)
{
	static const struct good good[] = {
		{ "0", 0 },	{ "90", 90 },	 { "90s", 90 }, { "5m", 300 },
		{ "2h", 7200 }, { "1d", 86400 }, { NULL, 0 },
	};
	static const char *const bad[] = {
		"", "s", "1w", "1h30m", "-1s", "5M", "9223372036854775807d", NULL
	};

	check_good(units_parse_duration, good);
	check_bad(units_parse_duration, bad);
}

static void integers(void **state)
{
	struct error err = ERROR_INIT;
	int64_t v = 0;

	assert_int_equal(units_parse_int("-5", -10, 10, &v, &err), 0);
	assert_int_equal(v, -5);
	assert_int_equal(units_parse_int("9223372036854775807", 0, INT64_MAX, &v, &err), 0);
	assert_int_equal(v, INT64_MAX);
	assert_int_equal(units_parse_int("-0", 0, 1, &v, &err), 0);
	assert_int_equal(v, 0);
	assert_int_equal(units_parse_int("11", -10, 10, &v, &err), -1);
	assert_string_equal(err.msg, "number 11 is out of range: it must be from -10 to 10");
	assert_int_equal(units_parse_int("9223372036854775808", 0, INT64_MAX, &v, &err), -1);
	assert_int_equal(units_parse_int("-9223372036854775808", INT64_MIN, 0, &v, &err), -1);
	assert_int_equal(units_parse_int("", 0, 10, &v, &err), -1);
	assert_int_equal(units_parse_int("-", 0, 10, &v, &err), -1);
	assert_int_equal(units_parse_int("--1", -10, 10, &v, &err), -1);
	assert_int_equal(units_parse_int("1x", 0, 10, &v, &err), -1);
	assert_int_equal(units_parse_int("1.0", 0, 10, &v, &err), -1);
	assert_int_equal(units_parse_int(" 1", 0, 10, &v, &err), -1);
	assert_int_equal(v, 0);
}

static void booleans(void **state)
{
	static const char *const yes[] = { "true", "TRUE", "1", "yes", "On" };
	static const char *const no[] = { "false", "False", "0", "NO", "off" };
	static const char *const bad[] = { "", "2", "y", "enable", "true ", "tru" };
	struct error err = ERROR_INIT;
	int v = 7;
	size_t i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(units_parse_bool(yes[i], &v, &err), 0);
		assert_int_equal(v, 1);
		assert_int_equal(units_parse_bool(no[i], &v, &err), 0);
		assert_int_equal(v, 0);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(units_parse_bool(bad[i], &v, &err), -1);
	assert_int_equal(v, 0);
}

static void sizes_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0B" },
		{ 1023, "1023B" },
		{ 1024, "1.00KiB" },
		{ 536870912, "512.00MiB" },
		{ 1536, "1.50KiB" },
		{ 5ull << 40, "5.00TiB" },
		{ UINT64_MAX, "16.00EiB" },
	};
	char buf[32];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		units_format_size(cases[i].bytes, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].text);
	}
	units_format_size(536870912, buf, 4);
	assert_string_equal(buf, "512");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),    cmocka_unit_test(bitrates), cmocka_unit_test(durations),
		cmocka_unit_test(integers), cmocka_unit_test(booleans), cmocka_unit_test(sizes_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
