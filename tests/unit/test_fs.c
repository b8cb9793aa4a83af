/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

static char dir[64];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/berth-test-fs-XXXXXX");
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	if (chdir("/") < 0 || fs_remove_tree(dir, &err) < 0)
		fail_msg("%s", err.msg);
	assert_false(fs_exists(dir));
	return 0;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int open_fds(void)
{
	return entries("/proc/self/fd");
}

static void joins(void **state)
{
	static const char *const cases[][3] = {
		{ "/a", "b", "/a/b" }, { "/a/", "b", "/a/b" }, { "/", "b", "/b" },
		{ "", "b", "/b" },     { "a", "", "a/" },
	};
	size_t i;

	for (i = 0; i < 5; i++) {
		AUTO_FREE char *p = fs_join(cases[i][0], cases[i][1]);

		assert_string_equal(p, cases[i][2]);
	}
}

static void reads_whole_files(void **state)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;

	put("f", "0123456789");
	strbuf_addstr(&sb, "x");
	assert_int_equal(fs_read_file("f", 10, &sb, &err), 0);
	assert_string_equal(sb.buf, "x0123456789");
	assert_int_equal(fs_read_file("f", 9, &sb, &err), -1);
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_string_equal(sb.buf, "x0123456789");
	assert_int_equal(fs_read_file("missing", 9, &sb, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(fs_read_file(dir, 9, &sb, &err), -1);
	assert_int_equal(err.code, ERROR_SYSTEM);
	assert_int_equal(err.sys, EISDIR);
	assert_string_equal(sb.buf, "x0123456789");
	put("f", "");
	assert_int_equal(fs_read_file("f", 0, &sb, &err), 0);
	/* size 0 for stat(2) */
	strbuf_reset(&sb);
	assert_int_equal(fs_read_file("/proc/self/status", 1 << 20, &sb, &err), 0);
	assert_non_null(strstr(sb.buf, "Pid:"));
	strbuf_reset(&sb);
	assert_int_equal(fs_read_file("/dev/zero", 100000, &sb, &err), -1);
	assert_int_equal(err.code, ERROR_TOO_LARGE);
}

static void writes_are_all_or_nothing(void **state)
{
	AUTO_FREE char *big = mem_alloc(300000);
	struct error err = ERROR_INIT;
	struct stat st;
	mode_t old = umask(077);

	memset(big, 'b', 300000);
	assert_int_equal(fs_write_atomic("f", "one", 3, 0644, &err), 0);
	umask(old);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	put(".f.tmp", "left by a crash");
	assert_int_equal(fs_write_atomic("f", big, 300000, 0600, &err), 0);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_size, 300000);
	assert_int_equal(entries("."), 1);
	/* a link is replaced, not followed */
	assert_int_equal(symlink("f", "l"), 0);
	assert_int_equal(fs_write_atomic("l", "", 0, 0600, &err), 0);
	assert_int_equal(lstat("l", &st), 0);
	assert_true(S_ISREG(st.st_mode) && st.st_size == 0);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_size, 300000);
}

static void failed_writes_leave_the_old_file(void **state)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct rlimit limit = { 1000, RLIM_INFINITY }, before;

	assert_int_equal(fs_write_atomic("f", "old", 3, 0600, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, SIG_IGN);
	sb.len = 0;
	strbuf_addf(&sb, "%5000s", "new");
	assert_int_equal(fs_write_atomic("f", sb.buf, sb.len, 0600, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(err.sys, EFBIG);
	assert_int_equal(entries("."), 1);
	strbuf_reset(&sb);
	assert_int_equal(fs_read_file("f", 100, &sb, &err), 0);
	assert_string_equal(sb.buf, "old");
	assert_int_equal(fs_write_atomic("no/such/folder", "x", 1, 0600, &err), -1);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(fs_write_atomic("d", "x", 1, 0600, &err), -1);
	assert_int_equal(fs_write_atomic("d/", "x", 1, 0600, &err), -1);
	assert_int_equal(entries("."), 2);
	assert_int_equal(entries("d"), 0);
}

static void makes_folders(void **state)
{
	struct error err = ERROR_INIT;
	struct stat st;
	mode_t old = umask(077);

	assert_int_equal(fs_mkdirs("a/b//c/", 0711, &err), 0);
	umask(old);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(fs_mkdirs("a/b", 0700, &err), 0);
	assert_int_equal(stat("a/b", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	put("f", "");
	assert_int_equal(fs_mkdirs("f", 0700, &err), -1);
	assert_int_equal(err.sys, ENOTDIR);
	assert_int_equal(fs_mkdirs("f/x", 0700, &err), -1);
	assert_int_equal(fs_mkdirs("", 0700, &err), -1);
	assert_int_equal(fs_mkdirs("/", 0700, &err), 0);
	assert_int_equal(symlink("a", "l"), 0);
	assert_int_equal(fs_mkdirs("l/x", 0700, &err), 0);
	assert_true(fs_exists("a/x"));
}

static void removes_everything_and_follows_nothing(void **state)
{
	struct error err = ERROR_INIT;
	int fds = open_fds(), fd;

	assert_int_equal(fs_mkdirs("keep", 0700, &err), 0);
	put("keep/file", "x");
	assert_int_equal(fs_mkdirs("t/a/b/c", 0700, &err), 0);
	assert_int_equal(fs_mkdirs("t/d/\n -rf*", 0, &err), 0);
	assert_int_equal(symlink("../../keep", "t/a/link"), 0);
	assert_int_equal(symlink("/", "t/root"), 0);
	assert_int_equal(symlink("t", "t/a/self"), 0);
	assert_int_equal(mkfifo("t/a/b/fifo", 0600), 0);
	assert_int_equal(link("keep/file", "t/hard"), 0);
	fd = open("t/open", O_CREAT | O_RDWR, 0000);
	assert_true(fd >= 0);
	if (fs_remove_tree("t/", &err) < 0)
		fail_msg("%s", err.msg);
	close(fd);
	assert_false(fs_exists("t"));
	assert_true(fs_exists("keep/file"));
	assert_int_equal(open_fds(), fds);
	/* what is not a folder, what is not there */
	assert_int_equal(symlink("keep", "l"), 0);
	assert_int_equal(fs_remove_tree("l", &err), 0);
	assert_true(fs_exists("keep/file"));
	assert_int_equal(fs_remove_tree("keep/file", &err), 0);
	assert_int_equal(fs_remove_tree("keep/file", &err), 0);
	assert_int_equal(fs_remove_tree("no/such", &err), 0);
	assert_int_equal(entries("keep"), 0);
	assert_int_equal(fs_remove_tree(".", &err), -1);
	assert_int_equal(fs_remove_tree("keep/..", &err), -1);
	assert_int_equal(fs_remove_tree("/", &err), -1);
	assert_int_equal(fs_remove_tree("", &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
}

/* A container can nest deeper than PATH_MAX and than we have descriptors. */
static void depth_and_width_do_not_matter(void **state)
{
	unsigned long long used = 0;
	struct error err = ERROR_INIT;
	struct rlimit before, few = { 32, 0 };
	char name[32];
	int i;

	assert_int_equal(mkdir("deep", 0700), 0);
	assert_int_equal(chdir("deep"), 0);
	for (i = 0; i < 5000; i++) {
		assert_int_equal(mkdir("dddddddd", 0700), 0);
		assert_int_equal(chdir("dddddddd"), 0);
	}
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("deep/wide", 0700), 0);
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "deep/wide/%s%d", i % 2 ? "f" : "d", i);
		if (i % 2)
			put(name, "");
		else
			assert_int_equal(mkdir(name, 0700), 0);
	}
	getrlimit(RLIMIT_NOFILE, &before);
	few.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &few);
	assert_true(fs_tree_is_deep("deep", 40000));
	assert_false(fs_tree_is_deep("deep", 60000));
	if (fs_tree_usage("deep", 0, &used, &err) < 0 || fs_remove_tree("deep", &err) < 0)
		fail_msg("%s", err.msg);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_false(fs_exists("deep"));
}

static int in_mount_namespace(void (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		body();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define MUST(x)                                                        \
	do {                                                           \
		if (!(x)) {                                            \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
			_exit(1);                                      \
		}                                                      \
	} while (0)

static void remove_around_mounts(void)
{
	unsigned long long used = 0, with = 0;
	struct error err = ERROR_INIT;

	MUST(fs_mkdirs("src/sub", 0700, &err) == 0);
	put("src/sub/precious", "x");
	MUST(fs_mkdirs("t/a/mnt", 0700, &err) == 0);
	put("t/a/file", "x");
	MUST(fs_tree_usage("t", 0, &used, &err) == 0);
	/* of the same file system: only the mount tells it apart */
	MUST(mount("src", "t/a/mnt", NULL, MS_BIND, NULL) == 0);
	MUST(fs_tree_usage("t", 0, &with, &err) == 0);
	MUST(with <= used);
	MUST(fs_remove_tree("t", &err) == -1);
	MUST(err.code == ERROR_CONFLICT);
	MUST(strstr(err.msg, "'t/a/mnt': it is a mount point"));
	MUST(fs_exists("src/sub/precious"));
	MUST(fs_remove_tree("t/a/mnt", &err) == -1);
	MUST(fs_exists("src/sub/precious"));
	MUST(umount("t/a/mnt") == 0);
	MUST(fs_remove_tree("t", &err) == 0);
	/* a mounted file */
	MUST(fs_mkdirs("t", 0700, &err) == 0);
	put("t/f", "");
	MUST(mount("src/sub/precious", "t/f", NULL, MS_BIND, NULL) == 0);
	MUST(fs_remove_tree("t", &err) == -1);
	MUST(err.sys == EBUSY);
	MUST(strstr(err.msg, "mount point"));
	MUST(umount("t/f") == 0);
}

static void stops_at_mounts(void **state)
{
	int rc;

	if (geteuid() != 0)
		skip();
	rc = in_mount_namespace(remove_around_mounts);
	if (rc == 77)
		skip();
	assert_int_equal(rc, 0);
}

static void programs_in_path(void **state)
{
	AUTO_FREE char *old = mem_strdup(getenv("PATH"));
	AUTO_FREE char *path = mem_printf("::/nowhere:%s/a:%s/b", dir, dir);
	AUTO_FREE char *want = mem_printf("%s/b/tool", dir);
	AUTO_FREE char *found = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(mkdir("b", 0700), 0);
	assert_int_equal(mkdir("a/tool", 0700), 0); /* a folder is no program */
	assert_int_equal(fs_write_atomic("b/tool", "x", 1, 0755, &err), 0);
	assert_int_equal(fs_write_atomic("b/text", "x", 1, 0644, &err), 0);
	setenv("PATH", path, 1);
	found = fs_find_program("tool");
	assert_string_equal(found, want);
	assert_true(fs_in_path("tool"));
	assert_false(fs_in_path("text"));
	assert_false(fs_in_path("none"));
	setenv("PATH", "", 1); /* as if there were none: the usual folders */
	assert_true(fs_in_path("sh"));
	setenv("PATH", old, 1);
}

static void usage_counts_hard_links_once(void **state)
{
	unsigned long long one = 0, two = 0;
	struct error err = ERROR_INIT;
	AUTO_FREE char *big = mem_alloc(1 << 20);
	struct stat st;
	int i;

	for (i = 0; i < 1 << 20; i++)
		big[i] = (char)(i * 7);
	assert_int_equal(mkdir("t", 0700), 0);
	assert_int_equal(fs_write_atomic("t/a", big, 1 << 20, 0600, &err), 0);
	assert_int_equal(fs_tree_usage("t", 0, &one, &err), 0);
	assert_true(one >= 1 << 20);
	assert_int_equal(link("t/a", "t/b"), 0);
	assert_int_equal(link("t/a", "t/c"), 0);
	assert_int_equal(symlink("/", "t/root"), 0);
	assert_int_equal(fs_tree_usage("t", 0, &two, &err), 0);
	assert_in_range(two, one, one + 65536);
	assert_int_equal(stat("t/a", &st), 0);
	assert_int_equal(fs_tree_usage("t/a", 0, &one, &err), 0);
	assert_int_equal(one, (unsigned long long)st.st_blocks * 512);
	assert_int_equal(fs_tree_usage("missing", 0, &one, &err), -1);
	assert_int_equal(err.sys, ENOENT);
}

static void opens_only_inside_the_root(void **state)
{
	struct error err = ERROR_INIT;
	char buf[16] = "";
	int rootfd, fd;

	assert_int_equal(fs_mkdirs("root/etc", 0700, &err), 0);
	put("secret", "outside");
	put("root/secret", "inside");
	assert_int_equal(symlink("/secret", "root/etc/abs"), 0);
	assert_int_equal(symlink("../../../../../secret", "root/etc/up"), 0);
	assert_int_equal(symlink("/proc/self/root", "root/etc/magic"), 0);
	assert_int_equal(symlink("/loop", "root/loop"), 0);
	rootfd = open("root", O_PATH | O_DIRECTORY);
	fd = fs_open_in_root(rootfd, "etc/abs", O_RDONLY, 0, &err);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	close(fd);
	fd = fs_open_in_root(rootfd, "/etc/up", O_RDONLY, 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	close(fd);
	fd = fs_open_in_root(rootfd, "../secret", O_RDONLY, 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	close(fd);
	assert_int_equal(fs_open_in_root(rootfd, "etc/magic", O_RDONLY, 0, &err), -1);
	assert_int_equal(fs_open_in_root(rootfd, "loop", O_RDONLY, 0, &err), -1);
	assert_int_equal(err.sys, ELOOP);
	assert_int_equal(fs_open_in_root(rootfd, "new", O_RDONLY, 0600, &err), -1);
	assert_int_equal(err.sys, ENOENT);
	fd = fs_open_in_root(rootfd, "etc/new", O_WRONLY | O_CREAT | O_EXCL, 0640, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_true(fs_exists("root/etc/new"));
	close(rootfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins),
		cmocka_unit_test_setup_teardown(reads_whole_files, setup, teardown),
		cmocka_unit_test_setup_teardown(writes_are_all_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_writes_leave_the_old_file, setup, teardown),
		cmocka_unit_test_setup_teardown(makes_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(removes_everything_and_follows_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(depth_and_width_do_not_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(stops_at_mounts, setup, teardown),
		cmocka_unit_test_setup_teardown(programs_in_path, setup, teardown),
		cmocka_unit_test_setup_teardown(usage_counts_hard_links_once, setup, teardown),
		cmocka_unit_test_setup_teardown(opens_only_inside_the_root, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
