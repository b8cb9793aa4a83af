/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/keyval.h"

static cJSON *parse(int argc, const char *const *argv, struct error *err)
{
	char *copy[8];
	int i;

	for (i = 0; i < argc; i++)
		copy[i] = (char *)(uintptr_t)argv[i];
	return keyval_parse(argc, copy, err);
}

static void test_pairs(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = parse(3, (const char *const[]){ "a=1", "b=x y=z", "c=" }, &err);

	assert_non_null(v);
	assert_string_equal(json_str(v, "a"), "1");
	assert_string_equal(json_str(v, "b"), "x y=z");
	assert_string_equal(json_str(v, "c"), "");
	assert_int_equal(cJSON_GetArraySize(v), 3);
}

static void test_old_form(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = parse(2, (const char *const[]){ "limits.cpu", "a=b" }, &err);

	assert_non_null(v);
	assert_string_equal(json_str(v, "limits.cpu"), "a=b");
}

static void test_none(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = parse(0, NULL, &err);

	assert_non_null(v);
	assert_null(v->child);
}

static void test_case_counts(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = parse(2, (const char *const[]){ "user.a=1", "user.A=2" }, &err);

	assert_non_null(v);
	assert_int_equal(cJSON_GetArraySize(v), 2);
}

static void refused(int argc, const char *const *argv, const char *part)
{
	struct error err = ERROR_INIT;

	assert_null(parse(argc, argv, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.msg, part));
}

static void test_refused(void **state)
{
	refused(1, (const char *const[]){ "a" }, "'a' is not of the form key=value");
	refused(3, (const char *const[]){ "a", "b", "c" }, "'a' is not of the form key=value");
	refused(2, (const char *const[]){ "a=1", "b" }, "'b' is not of the form key=value");
	refused(1, (const char *const[]){ "=x" }, "a key is missing before '=x'");
	refused(2, (const char *const[]){ "", "x" }, "a key is missing");
	refused(2, (const char *const[]){ "a=1", "a=2" }, "given twice");
}

/* Runs keyval_parse with text on stdin. */
static cJSON *with_stdin(const char *text, size_t len, const char *arg, struct error *err)
{
	int saved = dup(STDIN_FILENO), fds[2];
	cJSON *v;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, len), (ssize_t)len);
	close(fds[1]);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	v = parse(1, &arg, err);
	dup2(saved, STDIN_FILENO);
	close(saved);
	return v;
}

static void test_stdin(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *line = with_stdin("one\n", 4, "k=-", &err);
	AUTO_JSON cJSON *lines = with_stdin("one\ntwo\n", 8, "k=-", &err);
	AUTO_JSON cJSON *empty = with_stdin("", 0, "k=-", &err);

	assert_string_equal(json_str(line, "k"), "one");
	assert_string_equal(json_str(lines, "k"), "one\ntwo\n");
	assert_string_equal(json_str(empty, "k"), "");
	assert_null(with_stdin("a\0b", 3, "k=-", &err));
	assert_non_null(strstr(err.msg, "NUL"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),	    cmocka_unit_test(test_old_form), cmocka_unit_test(test_none),
		cmocka_unit_test(test_case_counts), cmocka_unit_test(test_refused),  cmocka_unit_test(test_stdin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
