/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backup/format.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/settings.h"

static void names_keep_their_dashes(void **state)
{
	AUTO_FREE char *instance = NULL;
	AUTO_FREE char *file = backup_file_name("web-2-a", 1700000000);

	assert_true(backup_file_parse(file, &instance));
	assert_string_equal(instance, "web-2-a");
	assert_true(backup_file_parse("a-20261122090000.7z", NULL));
	assert_true(backup_file_parse("a-20261122090000-20261122090000.7z", NULL));
	assert_false(backup_file_parse("a-2026112209000.7z", NULL));
	assert_false(backup_file_parse("-20261122090000.7z", NULL));
	assert_false(backup_file_parse("20261122090000.7z", NULL));
	assert_false(backup_file_parse("a-20261122090000.zip", NULL));
	assert_false(backup_file_parse("a_b-20261122090000.7z", NULL));
	assert_false(backup_file_parse(".7z", NULL));
	assert_false(backup_file_parse("", NULL));
}

static void a_name_is_never_a_path(void **state)
{
	static const char *const bad[] = { "", ".7z", "../x.7z", "a/b.7z", "/etc/passwd", ".a.7z", "a.json", "a\n.7z",
					   "a b.7z", "a%2f.7z" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(backup_file_check(bad[i], &err), -1);
	assert_int_equal(backup_file_check("a-20261122090000.7z", &err), 0);
	assert_int_equal(backup_file_check("my_own.copy.7z", &err), 0);
}

static void paths(void **state)
{
	struct settings s = { .backup_path = (char *)(uintptr_t)"/b" };
	struct berthd b = { .settings = &s };
	AUTO_FREE char *archive = backup_archive_path(&b, "a-20261122090000.7z");
	AUTO_FREE char *sidecar = backup_sidecar_path(&b, "a-20261122090000.7z");
	AUTO_FREE char *tmp = backup_tmp_path(&b, "a-20261122090000.7z");

	assert_string_equal(archive, "/b/a-20261122090000.7z");
	assert_string_equal(sidecar, "/b/a-20261122090000.json");
	assert_string_equal(tmp, "/b/.a-20261122090000.7z.tmp");
}

static int check(const char *text)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse(text, strlen(text), &err);

	return backup_info_check(v, &err) == 0 ? 0 : (int)err.code;
}

static void what_describes_a_backup(void **state)
{
	assert_int_equal(check("{\"version\":1,\"instance\":\"c1\"}"), 0);
	assert_int_equal(check("{\"version\":2,\"instance\":\"c1\"}"), ERROR_UNSUPPORTED);
	assert_int_equal(check("{\"version\":\"1\",\"instance\":\"c1\"}"), ERROR_INVALID);
	assert_int_equal(check("{\"version\":1,\"instance\":\"../c1\"}"), ERROR_INVALID);
	assert_int_equal(check("{\"version\":1}"), ERROR_INVALID);
	assert_int_equal(check("[]"), ERROR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_keep_their_dashes),
		cmocka_unit_test(a_name_is_never_a_path),
		cmocka_unit_test(paths),
		cmocka_unit_test(what_describes_a_backup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
