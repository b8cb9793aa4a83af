/* SPDX-License-Identifier: MIT */
/* helper/passwd_set.c over real, and hostile, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <crypt.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "helper/passwd_set.h"

#define DAY_S 86400

static char dir[] = "/tmp/test_passwd_set.XXXXXX";
static int rootfd = -1;

static int setup(void **state)
{
	memcpy(strrchr(dir, '.'), ".XXXXXX", 8);
	if (!mkdtemp(dir) || chdir(dir) < 0 || mkdir("etc", 0755) < 0)
		return -1;
	rootfd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return rootfd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	close(rootfd);
	return chdir("/") < 0 ? -1 : fs_remove_tree(dir, &err);
}

static void make(const char *path, const char *text, uid_t uid, gid_t gid, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchown(fd, uid, gid), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static char *text_of(const char *path)
{
	struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (fs_read_file(path, 1 << 20, &text, &err) < 0)
		fail_msg("%s", err.msg);
	return strbuf_detach(&text);
}

static void is(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(st.st_mode, S_IFREG | mode);
}

static void set(const char *user, const char *password)
{
	struct error err = ERROR_INIT;

	if (passwd_set(rootfd, user, password, &err) < 0)
		fail_msg("%s", err.msg);
	assert_false(fs_exists("etc/passwd+") || fs_exists("etc/shadow+"));
}

static void refused(const char *user, enum error_code code, const char *part)
{
	struct error err = ERROR_INIT;

	assert_int_equal(passwd_set(rootfd, user, "new", &err), -1);
	if (!strstr(err.msg, part))
		fail_msg("'%s' lacks '%s'", err.msg, part);
	assert_int_equal(err.code, code);
	assert_false(fs_exists("etc/passwd+") || fs_exists("etc/shadow+"));
}

/* The text is BEFORE, a hash of the password, AFTER; %d in them is today. */
static void holds(const char *path, const char *before, const char *password, const char *after)
{
	AUTO_FREE char *text = text_of(path);
	AUTO_FREE char *hash = NULL;
	struct crypt_data data = { 0 };
	size_t len;

	if (strncmp(text, before, strlen(before)) != 0)
		fail_msg("'%s' does not start with '%s'", text, before);
	len = strcspn(text + strlen(before), ":");
	hash = mem_strndup(text + strlen(before), len);
	assert_int_equal(strncmp(hash, "$6$", 3), 0);
	assert_string_equal(crypt_r(password, hash, &data), hash);
	assert_string_equal(text + strlen(before) + len, after);
}

static char *with_today(const char *before, const char *after)
{
	return mem_printf("%s%ld%s", before, (long)(time(NULL) / DAY_S), after);
}

static void a_line_in_shadow(void **state)
{
	AUTO_FREE char *after = with_today(":", ":1:90:7:30:21000:\nbin:*:19000:::::::\n");
	AUTO_FREE char *before = NULL, *passwd = NULL;

	make("etc/passwd", "root:x:0:0::/root:/bin/sh\nbin:x:2:2:::\n", 0, 0, 0644);
	make("etc/shadow", "rooty:a:1::::::\nroot:$6$old$hash:19000:1:90:7:30:21000:\nbin:*:19000:::::::\n", 0, 42, 0640);
	set("root", "new word");
	holds("etc/shadow", "rooty:a:1::::::\nroot:", "new word", after);
	is("etc/shadow", 0, 42, 0640);
	is("etc/.pwd.lock", 0, 0, 0600);
	passwd = text_of("etc/passwd");
	assert_string_equal(passwd, "root:x:0:0::/root:/bin/sh\nbin:x:2:2:::\n");
	before = text_of("etc/shadow");
	set("root", "new word");
	after = (free(after), text_of("etc/shadow"));
	assert_string_not_equal(before, after); /* another salt */
}

static void no_line_in_shadow(void **state)
{
	AUTO_FREE char *after = with_today(":", ":0:99999:7:::\n");

	make("etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0, 0, 0644);
	make("etc/shadow", "bin:*:1:::::::", 0, 0, 0600); /* its last line has no end */
	set("root", "a");
	holds("etc/shadow", "bin:*:1:::::::\nroot:", "a", after);
}

/* One is made that none but root can read. */
static void no_shadow(void **state)
{
	AUTO_FREE char *after = with_today(":", ":0:99999:7:::\n");

	make("etc/passwd", "root:x:0:0::/root:/bin/sh\n", 1000, 1001, 0644);
	set("root", "a");
	holds("etc/shadow", "root:", "a", after);
	is("etc/shadow", 1000, 1001, 0600);
}

static void passwords_in_passwd(void **state)
{
	make("etc/passwd", "a::1:1:::\nroot:old:0:0:me:/root:/bin/sh\n", 5, 6, 0604);
	set("root", "a");
	holds("etc/passwd", "a::1:1:::\nroot:", "a", ":0:0:me:/root:/bin/sh\n");
	is("etc/passwd", 5, 6, 0604);
	assert_false(fs_exists("etc/shadow"));
}

/* "root::0:" beside a line in etc/shadow would let everybody in. */
static void an_empty_one_beside_shadow(void **state)
{
	AUTO_FREE char *passwd = NULL;

	make("etc/passwd", "root::0:0::/root:/bin/sh\n", 0, 0, 0644);
	make("etc/shadow", "root:*:1::::::\n", 0, 0, 0600);
	set("root", "a");
	passwd = text_of("etc/passwd");
	assert_string_equal(passwd, "root:x:0:0::/root:/bin/sh\n");
}

static void who_is_not_there(void **state)
{
	refused("root", ERROR_NOT_FOUND, "it has no etc/passwd");
	make("etc/passwd", "rooty:x:0:0:::\nroot\n", 0, 0, 0644);
	refused("root", ERROR_NOT_FOUND, "it has no user 'root'");
	refused("roo", ERROR_NOT_FOUND, "it has no user 'roo'");
	make("etc/passwd", "root:x\n", 0, 0, 0644);
	refused("root", ERROR_INVALID, "the line of 'root' in its etc/passwd is broken");
	assert_int_equal(rename("etc", "away"), 0);
	refused("root", ERROR_NOT_FOUND, "it has no etc/passwd");
}

/* What a container put there to have something else read or written. */
static void traps(void **state)
{
	static const char *const names[] = { "passwd", "shadow", ".pwd.lock" };

	make("outside", "root:x:0:0:::\n", 0, 0, 0644);
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *path = fs_join("etc", names[i]), *text = NULL;

		make("etc/passwd", "root:x:0:0:::\n", 0, 0, 0644);
		(void)unlink(path);
		assert_int_equal(symlink("../outside", path), 0);
		refused("root", ERROR_INVALID, "is not a regular file");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		refused("root", ERROR_INVALID, "is not a regular file");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkdir(path, 0700), 0);
		refused("root", ERROR_INVALID, "is not a regular file");
		assert_int_equal(rmdir(path), 0);
		text = text_of("outside");
		assert_string_equal(text, "root:x:0:0:::\n");
	}
}

/* etc itself may be a link: one that stays inside is followed there, never out. */
static void etc_is_a_link(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_FREE char *after = with_today(":", ":0:99999:7:::\n"), *away = fs_join(dir, "outside");

	assert_int_equal(mkdir("root", 0755) | mkdir("root/usr", 0755) | mkdir("root/usr/etc", 0755), 0);
	assert_int_equal(mkdir("outside", 0755), 0);
	make("outside/passwd", "root:x:0:0:::\n", 0, 0, 0644);
	make("root/usr/etc/passwd", "root:x:0:0:::\n", 0, 0, 0644);
	close(rootfd);
	rootfd = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlink("../../../usr/etc", "root/etc"), 0);
	if (passwd_set(rootfd, "root", "a", &err) < 0)
		fail_msg("%s", err.msg);
	holds("root/usr/etc/shadow", "root:", "a", after);
	assert_int_equal(unlink("root/etc"), 0);
	assert_int_equal(symlink(away, "root/etc"), 0);
	assert_int_equal(passwd_set(rootfd, "root", "a", &err), -1);
	assert_false(fs_exists("outside/shadow"));
}

static void files_that_are_no_text(void **state)
{
	int fd;

	make("etc/passwd", "root:x:0:0:::\n", 0, 0, 0644);
	fd = open("etc/passwd", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "a\0b\n", 4), 4);
	refused("root", ERROR_INVALID, "its etc/passwd has NUL bytes in it");
	assert_int_equal(ftruncate(fd, 5 << 20), 0);
	refused("root", ERROR_TOO_LARGE, "its etc/passwd is larger than 4 MiB");
	close(fd);
}

/* What a program that was killed left behind is taken away after a while; a link there is not followed. */
static void a_stale_temporary_file(void **state)
{
	make("etc/passwd", "root:a:0:0:::\n", 0, 0, 0644);
	make("outside", "keep", 0, 0, 0644);
	assert_int_equal(symlink("../outside", "etc/passwd+"), 0);
	set("root", "a");
	holds("etc/passwd", "root:", "a", ":0:0:::\n");
	{
		AUTO_FREE char *text = text_of("outside");

		assert_string_equal(text, "keep");
	}
}

/* passwd(1) in the container holds the lock, and ends. */
static void waits_for_the_lock(void **state)
{
	struct flock region = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ready[2], fd, status;
	pid_t pid;
	char c;

	make("etc/passwd", "root:a:0:0:::\n", 0, 0, 0644);
	make("etc/.pwd.lock", "", 0, 0, 0600);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		fd = open("etc/.pwd.lock", O_WRONLY);
		if (fcntl(fd, F_SETLK, &region) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(300 * 1000);
		make("etc/passwd", "other:b:1:1:::\nroot:a:0:0:::\n", 0, 0, 0644);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	set("root", "a");
	holds("etc/passwd", "other:b:1:1:::\nroot:", "a", ":0:0:::\n"); /* what the other wrote is not lost */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_in_shadow, setup, teardown),
		cmocka_unit_test_setup_teardown(no_line_in_shadow, setup, teardown),
		cmocka_unit_test_setup_teardown(no_shadow, setup, teardown),
		cmocka_unit_test_setup_teardown(passwords_in_passwd, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_one_beside_shadow, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(traps, setup, teardown),
		cmocka_unit_test_setup_teardown(etc_is_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_are_no_text, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stale_temporary_file, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_the_lock, setup, teardown),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
