/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "model/key.h"

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void instances(void **state)
{
	static const char *const good[] = { "c1", "a", "Web-01", "x--y", X63 };
	static const struct {
		const char *name, *rule;
	} bad[] = {
		{ "", "1-63 characters" },
		{ X63 "x", "1-63 characters" },
		{ NULL, "1-63 characters" },
		{ "..", "alphanumeric and hyphen" },
		{ "a b", "alphanumeric and hyphen" },
		{ "a\nb", "alphanumeric and hyphen" },
		{ "h\xc3\xa9", "alphanumeric and hyphen" },
		{ "a_b", "alphanumeric and hyphen" },
		{ "$(id)", "alphanumeric and hyphen" },
		{ "1a", "start with a number" },
		{ "-a", "start with \"-\"" },
		{ "a-", "end with \"-\"" },
	};
	struct error err = ERROR_INIT;

	assert_int_equal(name_validate_instance("c1/snap", &err), -1);
	assert_string_equal(err.msg, "The character \"/\" is reserved for snapshots");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(name_validate_instance(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(name_validate_instance(bad[i].name, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_ptr_equal(strstr(err.msg, "Invalid instance name: "), err.msg);
		assert_non_null(strstr(err.msg, bad[i].rule));
	}
}

static void profiles(void **state)
{
	static const char *const good[] = { "default", "p1", "web.small", "1", "_x", "h\xc3\xa9", "a b" };
	static const char *const bad[] = { "",	  "a/b",  "/",	  ".",	   "..",    ".hidden",
					   "a\tb", "a\nb", "a\x7f", X63 "xx" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(name_validate_profile(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(name_validate_profile(bad[i], &err), -1);
	assert_int_equal(name_validate_profile(NULL, &err), -1);
	assert_string_equal(err.msg, "No name provided");
	assert_int_equal(name_validate_profile("a/b", &err), -1);
	assert_string_equal(err.msg, "Profile names may not contain slashes");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(instances), cmocka_unit_test(profiles) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
