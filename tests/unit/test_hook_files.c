/* SPDX-License-Identifier: MIT */
/* Which files of hooks.d run: real ones, so root only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "hook/hook_files.h"

static char dir[] = "/tmp/test_hook_files.XXXXXX";

/* hooks.d/pre-start, empty, and nobody's but root's on the way */
static int setup(void **state)
{
	struct error err = ERROR_INIT;

	memcpy(strrchr(dir, '.'), ".XXXXXX", 8);
	if (!mkdtemp(dir) || chdir(dir) < 0 || fs_mkdirs("hooks.d/pre-start", 0755, &err) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	return chdir("/") < 0 ? -1 : fs_remove_tree(dir, &err);
}

static void make(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void folder(const char *path, uid_t uid, mode_t mode)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, uid, 0), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static struct hook_files read_all(void)
{
	AUTO_FREE char *path = fs_join(dir, "hooks.d");
	struct hook_files files;

	hook_files_read(path, "pre-start", &files);
	return files;
}

/* The only file there is skipped, and the reason holds this; NULL: it runs. */
static void the_file_is(const char *reason)
{
	struct hook_files files = read_all();
	const char *skipped;

	assert_int_equal(files.n, 1);
	skipped = files.v[0].skipped;
	if (!reason && skipped)
		fail_msg("skipped: %s", skipped);
	if (reason && (!skipped || !strstr(skipped, reason)))
		fail_msg("'%s' lacks '%s'", skipped ? skipped : "(runs)", reason);
	hook_files_clear(&files);
}

static void no_folder_no_files(void **state)
{
	struct hook_files files = read_all();

	assert_int_equal(files.n, 0);
	hook_files_clear(&files);
	assert_int_equal(rmdir("hooks.d/pre-start"), 0);
	files = read_all();
	assert_int_equal(files.n, 0);
	hook_files_clear(&files);
}

static void in_the_order_of_their_names(void **state)
{
	static const char *const want[] = { "00-b", "10-a", "2", "A", "_", "a" };
	AUTO_FREE char *path = fs_join(dir, "hooks.d/pre-start/00-b");
	struct hook_files files;

	for (size_t i = 0; i < 6; i++) {
		AUTO_FREE char *file = fs_join("hooks.d/pre-start", want[5 - i]);

		make(file, 0755);
	}
	make("hooks.d/pre-start/.hidden", 0755);
	files = read_all();
	assert_int_equal(files.n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(files.v[i].name, want[i]);
		assert_null(files.v[i].skipped);
	}
	assert_string_equal(files.v[0].path, path);
	hook_files_clear(&files);
	assert_int_equal(files.n, 0);
	hook_files_clear(&files);
}

static void names_of_leftovers(void **state)
{
	static const char *const names[] = { "a~", "a.sh", "a.dpkg-old", "a b", "a\nb", "#a#", "\xc3\xbc" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO_FREE char *file = fs_join("hooks.d/pre-start", names[i]);

		make(file, 0755);
		the_file_is("its name has other characters");
		assert_int_equal(unlink(file), 0);
	}
}

static void owner_and_mode(void **state)
{
	static const char file[] = "hooks.d/pre-start/a";

	make(file, 0755);
	the_file_is(NULL);
	assert_int_equal(chown(file, 1000, 0), 0);
	the_file_is("does not belong to root");
	assert_int_equal(chown(file, 0, 1000), 0);
	the_file_is(NULL);
	assert_int_equal(chmod(file, 0775), 0);
	the_file_is("is writable by others than root");
	assert_int_equal(chmod(file, 0757), 0);
	the_file_is("is writable by others than root");
	assert_int_equal(chmod(file, 0644), 0);
	the_file_is("is not executable");
	assert_int_equal(chmod(file, 0100), 0);
	the_file_is(NULL);
}

static void what_is_no_file(void **state)
{
	static const char file[] = "hooks.d/pre-start/a";

	folder(file, 0, 0755);
	the_file_is("not a regular file");
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(mkfifo(file, 0755), 0);
	the_file_is("not a regular file");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("nowhere", file), 0);
	the_file_is("cannot be read");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("a", file), 0);
	the_file_is("cannot be read");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/dev/null", file), 0);
	the_file_is("not a regular file");
}

/* Whoever could put another file there would choose what root runs. */
static void folders_on_the_way(void **state)
{
	make("hooks.d/pre-start/a", 0755);
	assert_int_equal(chmod("hooks.d/pre-start", 0777), 0);
	the_file_is("pre-start' is writable by others than root");
	assert_int_equal(chmod("hooks.d/pre-start", 01777), 0);
	the_file_is(NULL);
	assert_int_equal(chmod("hooks.d/pre-start", 0755), 0);
	assert_int_equal(chmod("hooks.d", 0775), 0);
	the_file_is("hooks.d' is writable by others than root");
	assert_int_equal(chmod("hooks.d", 0755), 0);
	assert_int_equal(chown("hooks.d", 1000, 0), 0);
	the_file_is("hooks.d' does not belong to root");
	assert_int_equal(chown("hooks.d", 0, 0), 0);
	assert_int_equal(chown(dir, 1000, 0), 0);
	the_file_is("does not belong to root");
	assert_int_equal(chown(dir, 0, 0), 0);
	the_file_is(NULL);
}

static void links(void **state)
{
	static const char file[] = "hooks.d/pre-start/a";
	AUTO_FREE char *absolute = fs_join(dir, "open/mine");

	folder("shut", 0, 0755);
	folder("open", 0, 0777);
	make("shut/real", 0755);
	make("open/mine", 0755);
	assert_int_equal(symlink("../../shut/real", file), 0);
	the_file_is(NULL);
	assert_int_equal(lchown(file, 1000, 0), 0); /* its owner may not change it, but another could be put there as well */
	the_file_is("link '");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink(absolute, file), 0);
	the_file_is("open' is writable by others than root");
	assert_int_equal(unlink(file), 0);
	/* by way of the open folder, and back */
	assert_int_equal(symlink("../../open/../shut/real", file), 0);
	the_file_is("open' is writable by others than root");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("../../shut", "open/away"), 0);
	assert_int_equal(symlink("../shut", "shut/again"), 0);
	assert_int_equal(symlink("../../shut/again/./real", file), 0);
	the_file_is(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_folder_no_files, setup, teardown),
		cmocka_unit_test_setup_teardown(in_the_order_of_their_names, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(owner_and_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_on_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(links, setup, teardown),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
