/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "hook/hook_output.h"

static struct proc_result ended(int code, const char *out, const char *errs)
{
	return (struct proc_result){ .exit_code = code, .out = out, .out_len = strlen(out), .errs = errs,
				     .errs_len = strlen(errs) };
}

static void said(const struct proc_result *r, enum error_code code, const char *message)
{
	struct error err = ERROR_INIT;

	assert_int_equal(hook_check(r, 30, &err), -1);
	assert_string_equal(err.msg, message);
	assert_int_equal(err.code, code);
}

static void how_it_ended(void **state)
{
	struct proc_result r = ended(0, "hello\n", "not an error\n");
	struct error err = ERROR_INIT;

	assert_int_equal(hook_check(&r, 30, &err), 0);
	r = ended(3, "", "");
	said(&r, ERROR_TOOL, "it exited with 3");
	r = ended(1, "only here\n", " \n\t\n");
	said(&r, ERROR_TOOL, "only here");
	r = ended(1, "not this\n", "this\n");
	said(&r, ERROR_TOOL, "this");
	r = ended(1, "", "one\ntwo\n\nthree\n  \nfour\n");
	said(&r, ERROR_TOOL, "two; three; four");
	r = ended(-1, "", "oh\n");
	r.signal = 9;
	said(&r, ERROR_TOOL, "it was killed by signal 9: oh");
	r.timed_out = true;
	said(&r, ERROR_TIMEOUT, "it took longer than 30 s: oh");
	r = ended(0, "", ""); /* it listened to SIGTERM */
	r.timed_out = true;
	said(&r, ERROR_TIMEOUT, "it took longer than 30 s");
}

static void what_it_printed_is_clean(void **state)
{
	AUTO_FREE char *long_line = mem_alloc(5001);
	struct proc_result r = ended(1, "", "\033[31mred\007\xff\r\n");
	struct error err = ERROR_INIT;

	assert_int_equal(hook_check(&r, 30, &err), -1);
	for (const char *p = err.msg; *p != '\0'; p++)
		assert_true((unsigned char)*p >= ' ' && (unsigned char)*p < 0x7f);
	memset(long_line, 'x', 5000);
	error_clear(&err);
	r = ended(1, "", long_line);
	assert_int_equal(hook_check(&r, 30, &err), -1);
	assert_true(strlen(err.msg) <= 300);
}

static void results(void **state)
{
	struct proc_result r = ended(0, "a\n\033b\n", "c");
	AUTO_JSON cJSON *good = hook_result("pre-start", "10-x", &r);
	AUTO_JSON cJSON *none = hook_result("pre-start", "10-x", NULL);
	AUTO_JSON cJSON *killed = NULL;
	AUTO_JSON cJSON *late = NULL;

	assert_string_equal(json_str(good, "event"), "pre-start");
	assert_string_equal(json_str(good, "hook"), "10-x");
	assert_int_equal(json_int(good, "exit", -9), 0);
	assert_string_equal(json_str(good, "output"), "a\n b\nc\n");
	assert_int_equal(json_int(none, "exit", -9), -1);
	assert_string_equal(json_str(none, "output"), "");
	r = ended(-1, "", "");
	r.signal = 15;
	killed = hook_result("pre-start", "10-x", &r);
	assert_int_equal(json_int(killed, "exit", -9), 143);
	r.timed_out = true;
	late = hook_result("pre-start", "10-x", &r);
	assert_int_equal(json_int(late, "exit", -9), 124);
}

/* Of each stream the last 4096 bytes. */
static void the_tail_is_kept(void **state)
{
	AUTO_FREE char *text = mem_alloc(10001);
	struct proc_result r;
	AUTO_JSON cJSON *v = NULL;
	const char *output;

	memset(text, 'x', 10000);
	memcpy(text + 9990, "the end.\n", 9);
	text[9999] = '\0';
	r = ended(0, text, "and more");
	v = hook_result("pre-start", "10-x", &r);
	output = json_str_or(v, "output", "");
	assert_non_null(strstr(output, "xthe end.\nand more\n"));
	assert_int_equal(strlen(output), 4096 + 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_it_ended),
		cmocka_unit_test(what_it_printed_is_clean),
		cmocka_unit_test(results),
		cmocka_unit_test(the_tail_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
