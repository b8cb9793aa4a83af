/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "lxc/attach.h"

static cJSON *parse(const char *text)
{
	struct error err = ERROR_INIT;

	return json_parse(text, strlen(text), &err);
}

static bool has(const struct argv *a, const char *what)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], what) == 0)
			return true;
	return false;
}

static void test_secrets_stay_out_of_argv(void **state)
{
	AUTO_JSON cJSON *environment = parse("{\"PASSWORD\": \"hidden\", \"LD_PRELOAD\": \"x.so\", \"GLIBC_TUNABLES\": \"t\", \"OWN\": \"2\"}");
	AUTO_JSON cJSON *config = parse("{\"environment.OWN\": \"1\", \"environment.OTHER\": \"1\"}");
	AUTO_JSON cJSON *command = parse("[\"printf\", \"%s\", \"\"]");
	AUTO_ARGV struct argv argv = ARGV_INIT, env = ARGV_INIT;
	const struct lxc_attach at = { "/lxc", "c1", 0, 0, "/", environment, command, config };

	assert_string_equal(lxc_attach_command(&at, &argv, &env), "/");
	assert_true(has(&env, "PASSWORD=hidden"));
	assert_int_equal(env.n, 1);
	assert_false(has(&argv, "--set-var=PASSWORD=hidden"));
	assert_true(has(&argv, "--set-var=LD_PRELOAD=x.so"));
	assert_true(has(&argv, "--set-var=GLIBC_TUNABLES=t"));
	assert_true(has(&argv, "--set-var=OWN=2")); /* LXC would have it as it is configured */
	assert_false(has(&argv, "--uid=0"));
	assert_string_equal(argv.v[argv.n - 1], "");
	assert_string_equal(argv.v[argv.n - 3], "printf");
	assert_string_equal(argv.v[argv.n - 4], "--");
}

static void test_user_and_folder(void **state)
{
	AUTO_JSON cJSON *environment = parse("{}");
	AUTO_JSON cJSON *command = parse("[\"pwd\"]");
	AUTO_ARGV struct argv argv = ARGV_INIT, env = ARGV_INIT;
	const struct lxc_attach at = { "/lxc", "c1", 1000, 4294967294u, "/no such/folder", environment, command, NULL };

	assert_string_equal(lxc_attach_command(&at, &argv, &env), "/");
	assert_true(has(&argv, "--uid=1000"));
	assert_true(has(&argv, "--gid=4294967294"));
	assert_string_equal(argv.v[argv.n - 2], "/no such/folder");
	assert_string_equal(argv.v[argv.n - 5], "sh");
	assert_true(env.n > 0); /* an empty vector would be NULL, and that is ours */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets_stay_out_of_argv),
		cmocka_unit_test(test_user_and_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
