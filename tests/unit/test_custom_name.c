/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool/custom_name.h"

static void test_there_and_back(void **state)
{
	static const char *const pairs[][2] = {
		{ "v1", "v1" },		     { "a_b.c-d", "a_b.c-d" }, { "a b", "a%20b" },	 { "a%20b", "a%2520b" },
		{ ".x", "%2Ex" },	     { "-lead", "%2Dlead" },   { "_u", "%5Fu" },	 { "a@b", "a%40b" },
		{ "\xc3\xbc", "%C3%BC" },    { "...", "%2E.." },       { "..new.x", "%2E.new.x" }, { "a\\b", "a%5Cb" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *file = custom_name_to_file(pairs[i][0]), *name = custom_name_of_file(pairs[i][1]);

		assert_string_equal(file, pairs[i][1]);
		assert_non_null(name);
		assert_string_equal(name, pairs[i][0]);
		free(file);
		free(name);
	}
}

static void test_files_of_none(void **state)
{
	static const char *const files[] = { "", ".", "..", ".v1", "..new.1", "_x", "-x", "a b", "%", "%4", "%zz", "%00", "%41", "a%2e",
					     "a%2Fb", "%2E", "%2E.", "%FF", "a%0Ab", "%C2%85" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_null(custom_name_of_file(files[i]));
}

static void test_checks(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/", "a\nb", "a\x01", "\x7f", "\xff", "a\xc3", "\xc2\x9bm" };
	char longest[202];
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(custom_name_check(bad[i], &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		error_clear(&err);
	}
	memset(longest, 'a', 201);
	longest[201] = '\0';
	assert_int_equal(custom_name_check(longest, &err), -1);
	error_clear(&err);
	assert_int_equal(custom_name_check(longest + 1, &err), 0);
	memset(longest, ' ', 67);
	longest[67] = '\0';
	assert_int_equal(custom_name_check(longest, &err), -1);
	error_clear(&err);
	assert_int_equal(custom_name_check(longest + 1, &err), 0);
	assert_int_equal(custom_name_check_snapshot("s 1", &err), -1);
	assert_string_equal(err.msg, "Storage name cannot contain white space");
	error_clear(&err);
	assert_int_equal(custom_name_check_snapshot("s@1", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_files_of_none),
		cmocka_unit_test(test_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
