/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "helper/migrate_confined.h"

static int ours; /* which the child must not have */

/* Says what it may and is. */
static cJSON *explore(const void *data, size_t len, struct error *err)
{
	cJSON *v = cJSON_CreateObject();

	json_set_int(v, "uid", getuid());
	json_set_int(v, "pid", getpid());
	json_set_int(v, "length", (int64_t)len);
	json_set_bool(v, "inherits", fcntl(ours, F_GETFD) >= 0);
	json_set_bool(v, "opens", open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
	json_set_bool(v, "makes", open("/etc/berth-confined", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
	return v;
}

static cJSON *refuse(const void *data, size_t len, struct error *err)
{
	error_set(err, ERROR_INVALID, "no good: '%.*s'", (int)len, (const char *)data);
	return NULL;
}

static cJSON *die(const void *data, size_t len, struct error *err)
{
	_exit(1);
}

static void test_what_it_may(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;

	ours = open("/dev/null", O_RDONLY);
	assert_true(ours > STDERR_FILENO);
	v = confined_parse(explore, "abc", 3, &err);
	close(ours);
	assert_string_equal(err.msg, "");
	assert_non_null(v);
	assert_int_equal(json_int(v, "length", 0), 3);
	assert_int_not_equal(json_int(v, "pid", 0), getpid());
	assert_true(geteuid() != 0 || json_int(v, "uid", 0) != 0); /* nobody, or none that it may ask for */
	assert_false(json_bool(v, "inherits", true));
	assert_true(geteuid() != 0 || !json_bool(v, "makes", true));
#ifndef __SANITIZE_ADDRESS__ /* which needs files */
	assert_false(json_bool(v, "opens", true));
#endif
}

static void test_errors(void **state)
{
	struct error err = ERROR_INIT;

	assert_null(confined_parse(refuse, "abc", 3, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(err.msg, "no good: 'abc'");
	error_clear(&err);
	assert_null(confined_parse(die, "abc", 3, &err));
	assert_int_equal(err.code, ERROR_TOOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_may),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
