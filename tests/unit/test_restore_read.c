/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backup/restore.h"
#include "base/json.h"
#include "base/strbuf.h"

#define HEAD "7-Zip 24\nPath = /proc/self/fd/0\nType = 7z\nSize = 99999999999\n\n----------\n"
#define SMALL(name) "Path = " name "\nSize = 10\nAttributes = A\nEncrypted = -\n\n"
#define SMALLS SMALL("backup.json") SMALL("berth.json") SMALL("config")

static void expect_listing(const char *text, const char *part)
{
	struct error err = ERROR_INIT;
	uint64_t stream = 0;

	if (restore_check_listing(text, 1000, &stream, &err) == 0)
		fail_msg("accepted, but should say '%s'", part);
	if (strstr(err.msg, part) == NULL)
		fail_msg("'%s' lacks '%s'", err.msg, part);
	assert_true(err.code == ERROR_INVALID || err.code == ERROR_TOO_LARGE);
}

static void test_listing(void **state)
{
	struct error err = ERROR_INIT;
	uint64_t stream = 0;

	assert_int_equal(restore_check_listing(HEAD SMALLS "Path = rootfs.tar\nSize = 1000\n", 1000, &stream, &err), 0);
	assert_int_equal(stream, 1000);
	expect_listing(HEAD SMALLS "Path = rootfs.tar\nSize = 1001\n", "unpacks to 1001 bytes");
	expect_listing(HEAD SMALLS, "lacks 'rootfs.tar'");
	expect_listing("", "lacks 'backup.json'");
	expect_listing("no line of dashes\n" SMALLS "Path = rootfs.tar\nSize = 1\n", "lacks 'backup.json'");
	expect_listing(HEAD SMALLS "Path = rootfs.tar\n", "lacks 'rootfs.tar'");
	expect_listing(HEAD SMALLS "Path = rootfs.tar\nSize = \n", "no proper size");
	expect_listing(HEAD SMALLS "Path = rootfs.tar\nSize = -1\n", "no proper size");
	expect_listing(HEAD SMALLS "Path = rootfs.tar\nSize = 1\nSize = 2\n", "no proper size");
	expect_listing(HEAD "Size = 1\n", "no proper size");
	expect_listing(HEAD SMALLS SMALL("config"), "holds twice 'config'");
	expect_listing(HEAD SMALL("../etc/passwd"), "holds '../etc/passwd'");
	expect_listing(HEAD SMALL("a\033[31m"), "holds 'a");
	expect_listing(HEAD "Path = config\nSize = 99999999\n", "too large is 'config'");
	expect_listing(HEAD SMALLS "Path = rootfs.tar\nSize = 1\nEncrypted = +\n", "encrypted is 'rootfs.tar'");
	expect_listing(HEAD SMALLS "Path = rootfs.tar\nSize = 1\nAttributes = D drwx\n", "no file is 'rootfs.tar'");
	expect_listing(HEAD SMALLS "Path = rootfs.tar\nSize = 1\nFolder = +\n", "no file is 'rootfs.tar'");
}

static void expect_desired(const char *text, const char *part)
{
	struct error err = ERROR_INIT;
	cJSON *v = restore_read_desired(text, strlen(text), &err);

	if (v != NULL)
		fail_msg("accepted: %s", text);
	if (strstr(err.msg, part) == NULL)
		fail_msg("'%s' lacks '%s'", err.msg, part);
}

static void test_desired(void **state)
{
	static const char text[] = "{\"config\":{\"a\":\"b\"},\"devices\":{\"eth0\":{\"type\":\"nic\"}},\"profiles\":[\"p\"],"
				   "\"description\":\"d\",\"ephemeral\":true,\"name\":\"x\",\"driver\":\"overlay\"}";
	struct error err = ERROR_INIT;
	cJSON *v = restore_read_desired(text, strlen(text), &err);

	assert_non_null(v);
	assert_string_equal(json_str(json_obj(v, "config"), "a"), "b");
	assert_string_equal(json_str(v, "description"), "d");
	assert_true(json_bool(v, "ephemeral", false));
	assert_null(cJSON_GetObjectItem(v, "name"));
	assert_null(cJSON_GetObjectItem(v, "driver"));
	cJSON_Delete(v);
	expect_desired("", "berth.json");
	expect_desired("[]", "no description");
	expect_desired("{\"config\":{},\"devices\":{}}", "no description");
	expect_desired("{\"config\":{\"a\":1},\"devices\":{},\"profiles\":[]}", "no description");
	expect_desired("{\"config\":{},\"devices\":{\"x\":\"y\"},\"profiles\":[]}", "no description");
	expect_desired("{\"config\":{},\"devices\":{\"x\":{\"y\":null}},\"profiles\":[]}", "no description");
	expect_desired("{\"config\":{},\"devices\":[],\"profiles\":[]}", "no description");
	expect_desired("{\"config\":{},\"devices\":{},\"profiles\":[[]]}", "no description");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_listing), cmocka_unit_test(test_desired) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
