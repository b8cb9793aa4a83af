/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "model/seccomp.h"

static cJSON *config_of(const char *text)
{
	struct error err = ERROR_INIT;
	cJSON *config = json_parse(text, strlen(text), &err);

	assert_non_null(config);
	return config;
}

static void policies(void **state)
{
	static const char *const cases[][3] = {
		{ "{\"raw.seccomp\":\"2\\nallowlist\"}", "2\nallowlist\n", "denylist" },
		{ "{\"security.syscalls.deny\":\"mkdir errno 1\"}", "delete_module errno 38\nmkdir errno 1\n", "allowlist" },
		{ "{\"security.syscalls.blacklist\":\"mkdir\"}", "\nmkdir\n", "allowlist" },
		{ "{\"security.syscalls.allow\":\"read\\nwrite\"}", "2\nallowlist\n[all]\nread\nwrite\n", "denylist" },
		{ "{\"security.syscalls.deny_default\":\"false\",\"security.syscalls.deny\":\"mkdir\"}", "2\ndenylist\n[all]\nmkdir", "kexec" },
		{ "{\"security.syscalls.deny_default\":\"true\"}", "kexec_load errno 38", "allowlist" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_JSON cJSON *config = config_of(cases[i][0]);
		AUTO_STRBUF struct strbuf out = STRBUF_INIT;

		assert_true(seccomp_policy(config, &out));
		assert_non_null(strstr(out.buf, cases[i][1]));
		assert_null(strstr(out.buf, cases[i][2]));
	}
}

static void none_without_keys(void **state)
{
	AUTO_JSON cJSON *config = config_of("{\"user.x\":\"1\"}");
	AUTO_JSON cJSON *off = config_of("{\"security.syscalls.blacklist_default\":\"no\"}");
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	assert_false(seccomp_policy(config, &out));
	assert_false(seccomp_is_off(config));
	assert_false(seccomp_policy(off, &out));
	assert_true(seccomp_is_off(off));
	assert_true(seccomp_is_key("raw.seccomp"));
	assert_true(seccomp_is_key("security.syscalls.deny"));
	assert_false(seccomp_is_key("security.nesting"));
}

static void exclusive_keys(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"raw.seccomp\":\"2\",\"security.syscalls.deny\":\"x\"}", "raw.seccomp is mutually exclusive with security.syscalls*" },
		{ "{\"security.syscalls.allow\":\"x\",\"security.syscalls.deny\":\"x\"}",
		  "security.syscalls.allow is mutually exclusive with security.syscalls.deny*" },
		{ "{\"security.syscalls.whitelist\":\"x\",\"security.syscalls.allow\":\"x\"}",
		  "Configuration keys \"security.syscalls.allow\" and \"security.syscalls.whitelist\" are mutually exclusive" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_JSON cJSON *config = config_of(cases[i][0]);
		struct error err = ERROR_INIT;

		assert_int_equal(seccomp_check(config, &err), -1);
		assert_string_equal(err.msg, cases[i][1]);
	}
}

static void lists(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(seccomp_list_check("mkdir errno 1\n\n# x\n[x86_64]\nkexec_load", &err), 0);
	assert_int_equal(seccomp_list_check("mkdir;rm", &err), -1);
	assert_int_equal(seccomp_list_check("a\n b", &err), -1);
	assert_int_equal(seccomp_list_check("a\x01", &err), -1);
	assert_int_equal(seccomp_raw_check("2\ndenylist", &err), 0);
	assert_int_equal(seccomp_raw_check("3", &err), -1);
	assert_int_equal(seccomp_raw_check("22", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies),
		cmocka_unit_test(none_without_keys),
		cmocka_unit_test(exclusive_keys),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
