/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void sets_code_and_message(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(error_set(&err, ERROR_NOT_FOUND, "no instance '%s'", "c1"), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.msg, "no instance 'c1'");
	error_clear(&err);
	assert_int_equal(err.code, ERROR_NONE);
	assert_string_equal(err.msg, "");
}

static void sys_appends_the_reason(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(error_sys(&err, ENOENT, "cannot open '%s'", "/x"), -1);
	assert_int_equal(err.code, ERROR_SYSTEM);
	assert_int_equal(err.sys, ENOENT);
	assert_string_equal(err.msg, "cannot open '/x': No such file or directory");
	error_set(&err, ERROR_INVALID, "next");
	assert_int_equal(err.sys, 0);
}

static void wrap_keeps_the_code(void **state)
{
	struct error err = ERROR_INIT;

	error_sys(&err, EACCES, "cannot open '/x'");
	assert_int_equal(error_wrap(&err, "instance '%s'", "c1"), -1);
	assert_int_equal(err.code, ERROR_SYSTEM);
	assert_int_equal(err.sys, EACCES);
	assert_string_equal(err.msg, "instance 'c1': cannot open '/x': Permission denied");
}

static void arguments_may_be_its_own_message(void **state)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_INVALID, "inner");
	error_set(&err, ERROR_TOOL, "outer (%s)", err.msg);
	assert_string_equal(err.msg, "outer (inner)");
	error_sys(&err, EIO, "again: %s", err.msg);
	assert_string_equal(err.msg, "again: outer (inner): Input/output error");
	error_wrap(&err, "%s", err.msg);
	assert_non_null(strstr(err.msg, "error: again"));
}

static void long_messages_are_cut_between_characters(void **state)
{
	struct error err = ERROR_INIT;
	char text[3000];
	size_t i, len;

	for (i = 0; i + 3 <= sizeof(text) - 1; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	text[i] = 0;
	for (i = 0; i < 3; i++) {
		error_set(&err, ERROR_INVALID, "%s%s", &"aa"[i], text);
		len = strlen(err.msg);
		assert_in_range(len, sizeof(err.msg) - 4, sizeof(err.msg) - 1);
		assert_memory_equal(err.msg + len - 3, "\xe2\x82\xac", 3);
	}
	error_sys(&err, EIO, "%s", text);
	assert_true(strlen(err.msg) < sizeof(err.msg));
	error_wrap(&err, "%s", text);
	assert_true(strlen(err.msg) < sizeof(err.msg));
}

static void every_code_has_a_status(void **state)
{
	enum error_code code;

	assert_int_equal(error_http_status(ERROR_NONE), 200);
	for (code = ERROR_INVALID; code <= ERROR_SYSTEM; code++)
		assert_in_range(error_http_status(code), 400, 599);
	assert_int_equal(error_http_status(ERROR_INVALID), 400);
	assert_int_equal(error_http_status(ERROR_FORBIDDEN), 403);
	assert_int_equal(error_http_status(ERROR_NOT_FOUND), 404);
	assert_int_equal(error_http_status(ERROR_CONFLICT), 409);
	assert_int_equal(error_http_status(ERROR_PRECONDITION), 412);
	assert_int_equal(error_http_status(ERROR_TOO_LARGE), 413);
	assert_int_equal(error_http_status(ERROR_UNSUPPORTED), 501);
	assert_int_equal(error_http_status(ERROR_UNAVAILABLE), 503);
	assert_int_equal(error_http_status((enum error_code)999), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_code_and_message),
		cmocka_unit_test(sys_appends_the_reason),
		cmocka_unit_test(wrap_keeps_the_code),
		cmocka_unit_test(arguments_may_be_its_own_message),
		cmocka_unit_test(long_messages_are_cut_between_characters),
		cmocka_unit_test(every_code_has_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
