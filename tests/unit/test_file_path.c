/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "helper/file_path.h"

static char top[] = "/tmp/test-file-path.XXXXXX";
static int root;

static int setup(void **state)
{
	char path[128];

	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/root", top);
	assert_int_equal(mkdir(path, 0755), 0);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "a", 0755), 0);
	assert_int_equal(symlinkat("../../../..", root, "up"), 0);
	assert_int_equal(symlinkat("/", root, "top"), 0);
	assert_int_equal(symlinkat("/a/new/", root, "a/abs"), 0);
	assert_int_equal(symlinkat("../b", root, "a/rel"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	assert_int_equal(symlinkat("a/..", root, "dots"), 0);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	close(root);
	return fs_remove_tree(top, &err);
}

static void test_clean(void **state)
{
	static const char *const rows[][2] = {
		{ "", "/" }, { "/", "/" }, { "a", "/a" }, { "//a//b/", "/a/b" }, { "/a/./b/..", "/a" }, { "../../x", "/x" },
		{ "/a/..", "/" }, { "..", "/" }, { "/...", "/..." }, { "/a b/\xff", "/a b/\xff" }, { "a/../../b", "/b" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *got = file_path_clean(rows[i][0]);

		assert_string_equal(got, rows[i][1]);
	}
}

/* Is this our root folder? */
static void assert_root(int fd)
{
	struct stat own, its;

	assert_true(fd >= 0);
	assert_int_equal(fstat(root, &own), 0);
	assert_int_equal(fstat(fd, &its), 0);
	assert_int_equal(own.st_ino, its.st_ino);
	close(fd);
}

static void test_lookup(void **state)
{
	assert_root(file_path_lookup(root, "/", true));
	assert_root(file_path_lookup(root, "/up", true));
	assert_root(file_path_lookup(root, "/top/top/up", true));
	assert_root(file_path_lookup(root, "/up/..", true));
	assert_int_equal(file_path_lookup(root, "/nosuch", true), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_path_lookup(root, "/loop", true), -1);
	assert_int_equal(errno, ELOOP);
}

static void assert_final(const char *path, const char *folder, const char *name)
{
	AUTO_FREE char *got = NULL;
	AUTO_CLOSE int parent = file_path_final(root, path, &got);
	AUTO_CLOSE int expected = file_path_lookup(root, folder, true);
	struct stat a, b;

	assert_true(parent >= 0 && expected >= 0);
	assert_string_equal(got, name);
	assert_int_equal(fstat(parent, &a), 0);
	assert_int_equal(fstat(expected, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void test_final(void **state)
{
	AUTO_FREE char *name = NULL;

	assert_final("/a/abs", "/a", "new");
	assert_final("/a/rel", "/", "b");
	assert_final("/up/a/rel", "/", "b");
	assert_final("/top", "/", ".");
	assert_final("/plain", "/", "plain");
	assert_int_equal(file_path_final(root, "/loop", &name), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(file_path_final(root, "/up", &name), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(file_path_final(root, "/dots", &name), -1);
	assert_int_equal(errno, EISDIR);
}

static void test_words(void **state)
{
	struct error err = ERROR_INIT;

	file_path_error("remove", "/a", ENOTEMPTY, &err);
	assert_string_equal(err.msg, "sftp: \"remove /a: directory not empty\" (SSH_FX_FAILURE)");
	file_path_error("open", "/a", ENOENT, &err);
	assert_string_equal(err.msg, "Not Found");
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	file_path_error("open", "/\xff", EACCES, &err);
	assert_string_equal(err.msg, "sftp: \"open /\xef\xbf\xbd: permission denied\" (SSH_FX_PERMISSION_DENIED)");
	assert_int_equal(err.code, ERROR_FORBIDDEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_final),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
