/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "instance/remains.h"
#include "model/settings.h"

static char folder[64];
static struct settings settings = { .system_path = folder };
static const struct berthd berthd = { .settings = &settings };

static int setup(void **state)
{
	struct error err = ERROR_INIT;

	strcpy(folder, "/tmp/berth-test-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	*state = fs_join(folder, "c1");
	return fs_mkdirs(*state, 0710, &err);
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	free(*state);
	return fs_remove_tree(folder, &err);
}

static void write_file(const char *dir, const char *name)
{
	AUTO_FREE char *path = fs_join(dir, name);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_quick(path, "{}\n", 3, 0600, &err), 0);
}

static bool has(const char *dir, const char *name)
{
	AUTO_FREE char *path = fs_join(dir, name);

	return fs_exists(path);
}

static void test_notes_go(void **state)
{
	const char *dir = *state;

	write_file(dir, "berth.json");
	write_file(dir, ".live.json.tmp");
	assert_true(remains_remove(&berthd, "c1"));
	assert_false(fs_exists(dir));
	assert_false(remains_remove(&berthd, "c1"));
}

static void test_empty_goes(void **state)
{
	assert_true(remains_remove(&berthd, "c1"));
	assert_false(fs_exists(*state));
}

static void test_anything_else_stays(void **state)
{
	static const char *const others[] = { "config", "lxc.log", ".berth-op", "berth.json~", NULL };
	const char *dir = *state;

	for (const char *const *o = others; *o != NULL; o++) {
		AUTO_FREE char *path = fs_join(dir, *o);

		write_file(dir, "berth.json");
		write_file(dir, *o);
		assert_false(remains_remove(&berthd, "c1"));
		assert_true(has(dir, "berth.json"));
		assert_true(has(dir, *o));
		assert_int_equal(unlink(path), 0);
	}
}

/* A folder that is named like a note is somebody else's. */
static void test_folder_named_like_a_note_stays(void **state)
{
	const char *dir = *state;
	AUTO_FREE char *path = fs_join(dir, "live.json");
	struct error err = ERROR_INIT;

	assert_int_equal(fs_mkdirs(path, 0700, &err), 0);
	write_file(dir, "berth.json");
	assert_false(remains_remove(&berthd, "c1"));
	assert_true(has(dir, "berth.json"));
}

static void test_symlink_is_not_followed(void **state)
{
	const char *dir = *state;
	AUTO_FREE char *link = fs_join(folder, "link");

	write_file(dir, "berth.json");
	assert_int_equal(symlink(dir, link), 0);
	assert_false(remains_remove(&berthd, "link"));
	assert_true(fs_exists(link));
	assert_true(has(dir, "berth.json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_notes_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anything_else_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_named_like_a_note_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_symlink_is_not_followed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
