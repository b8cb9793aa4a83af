/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/file.h"

static void test_join(void **state)
{
	static const char *const rows[][3] = {
		{ "/a", "b/./c", "/a/b/c" }, { "/", "", "/" },	       { "", "//etc//hosts/", "/etc/hosts" },
		{ "/a", "..", "/a/.." },     { "/.", "./", "/" },      { "/a.b", ".c", "/a.b/.c" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *path = file_join(rows[i][0], rows[i][1]);

		assert_string_equal(path, rows[i][2]);
	}
}

static void test_place(void **state)
{
	static const struct {
		const char *text, *instance, *path;
		bool folder;
	} rows[] = {
		{ "c1/etc/hosts", "c1", "/etc/hosts", false }, { "local:c1//root/.", "c1", "/root", true },
		{ "c1/", "c1", "/", true },		       { "c1/a/", "c1", "/a", true },
		{ "c1/.hidden", "c1", "/.hidden", false },     { "c1/.", "c1", "/", true },
	};
	static const char *const wrong[] = { "", "c1", "/etc/hosts", "local:", "local:/x" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_PLACE struct file_place place;

		assert_int_equal(file_place_parse(rows[i].text, &place, &err), 0);
		assert_string_equal(place.instance, rows[i].instance);
		assert_string_equal(place.path, rows[i].path);
		assert_int_equal(place.folder, rows[i].folder);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		AUTO_PLACE struct file_place place;

		assert_int_equal(file_place_parse(wrong[i], &place, &err), -1);
		assert_non_null(strstr(err.msg, "INSTANCE/PATH"));
	}
}

static void test_links(void **state)
{
	AUTO_FREE char *beside = file_link_target("/etc/alternatives/vi", "vim");
	AUTO_FREE char *whole = file_link_target("/etc/mtab", "/proc/mounts");
	AUTO_FREE char *above = file_link_target("/a", "b/c");

	assert_string_equal(beside, "/etc/alternatives/vim");
	assert_string_equal(whole, "/proc/mounts");
	assert_string_equal(above, "/b/c");
}

static void test_owner(void **state)
{
	struct file_owner owner = FILE_OWNER_NONE;
	struct error err = ERROR_INIT;

	assert_int_equal(file_owner_option('m', "0o640", &owner, &err), 0);
	assert_int_equal(owner.mode, 0640);
	assert_int_equal(file_owner_option('u', "4294967294", &owner, &err), 0);
	assert_int_equal(file_owner_option('g', "0", &owner, &err), 0);
	assert_true(owner.uid == 4294967294L && owner.gid == 0);
	assert_int_equal(file_owner_option('m', "689", &owner, &err), -1);
	assert_int_equal(file_owner_option('m', "10000", &owner, &err), -1);
	assert_int_equal(file_owner_option('u', "4294967295", &owner, &err), -1);
	assert_int_equal(file_owner_option('u', "99999999999999999999", &owner, &err), -1);
	assert_int_equal(file_owner_option('g', "", &owner, &err), -1);
	assert_int_equal(file_owner_option('g', "-1", &owner, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_join), cmocka_unit_test(test_place),
					    cmocka_unit_test(test_links), cmocka_unit_test(test_owner) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
