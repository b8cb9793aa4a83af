/* SPDX-License-Identifier: MIT */
#include "helper/stream_apply.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "helper/stream_xattr.h"
#include "stream_build.h"

static char root[] = "/tmp/test-stream.XXXXXX";
static char *dir; /* in root: the tree; beside it is what nothing may reach */
static int cwd;

static int setup(void **state)
{
	struct error err = ERROR_INIT;

	if (dir == NULL && mkdtemp(root) == NULL)
		return -1;
	if (dir == NULL)
		dir = fs_join(root, "tree");
	return fs_remove_tree(dir, &err) < 0 ? -1 : mkdir(dir, 0755);
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	free(dir);
	return fs_remove_tree(root, &err);
}

static void begin(struct built *b)
{
	built_begin(b);
	built_command(b, STREAM_SUBVOL);
	built_bytes(b, B_UUID, BUILT_A, 16);
}

static void at(struct built *b, enum stream_kind kind, const char *path)
{
	built_command(b, kind);
	built_text(b, B_PATH, path);
}

static int apply(struct built *b, struct stream_target *t, struct error *err)
{
	struct stream *s;
	int rc;

	built_command(b, STREAM_END);
	s = stream_new(built_source, b);
	t->tree = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(t->tree >= 0);
	rc = stream_apply(s, t, err);
	stream_free(s);
	close(t->tree);
	strbuf_clear(&b->all);
	assert_int_equal(fchdir(cwd), 0);
	return rc;
}

static struct stream_target target(void)
{
	return (struct stream_target){ .parent = -1, .max_bytes = 1 << 20, .max_entries = 100, .max_id = 70000 };
}

static struct stat look(const char *name)
{
	AUTO_FREE char *path = fs_join(dir, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

static void test_all(void **state)
{
	struct error err = ERROR_INIT;
	struct stream_target t = target();
	struct built b;
	struct stat st;

	t.shift = (struct tar_shift){ 100000, 0, 65536 };
	begin(&b);
	at(&b, STREAM_MKDIR, "o1");
	at(&b, STREAM_RENAME, "o1");
	built_text(&b, B_TO, "d");
	at(&b, STREAM_MKFILE, "d/f");
	at(&b, STREAM_WRITE, "d/f");
	built_number(&b, B_OFFSET, 3);
	built_text(&b, B_DATA, "data");
	at(&b, STREAM_TRUNCATE, "d/f");
	built_number(&b, B_SIZE, 9);
	at(&b, STREAM_LINK, "h");
	built_text(&b, B_LINK, "d/f");
	at(&b, STREAM_SYMLINK, "l");
	built_text(&b, B_LINK, "/etc/passwd");
	at(&b, STREAM_CHOWN, "l");
	built_number(&b, B_UID, 100033);
	built_number(&b, B_GID, 5);
	at(&b, STREAM_CHMOD, "d/f");
	built_number(&b, B_MODE, 0100644);
	at(&b, STREAM_MKFIFO, "p");
	at(&b, STREAM_MKSOCK, "s");
	at(&b, STREAM_MKDIR, "e");
	at(&b, STREAM_RMDIR, "e");
	at(&b, STREAM_MKFILE, "x");
	at(&b, STREAM_UNLINK, "x");
	at(&b, STREAM_CHMOD, "");
	built_number(&b, B_MODE, 0700);
	at(&b, STREAM_UTIMES, "d/f");
	built_bytes(&b, B_ATIME, "\1\0\0\0\0\0\0\0\2\0\0", 12);
	built_bytes(&b, B_MTIME, "\3\0\0\0\0\0\0\0\4\0\0", 12);
	at(&b, STREAM_SET_XATTR, "d/f");
	built_text(&b, B_XATTR, "security.selinux"); /* of the host it was made on: passed over */
	built_text(&b, B_XATTR_DATA, "x");
	assert_int_equal(apply(&b, &t, &err), 0);
	assert_memory_equal(t.uuid, BUILT_A, 16);
	st = look("d/f");
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_size, 9);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_mtim.tv_sec, 3);
	st = look("l");
	assert_int_equal(st.st_uid, 33);
	assert_int_equal(st.st_gid, 65534);
	assert_true(S_ISFIFO(look("p").st_mode));
	assert_true(S_ISSOCK(look("s").st_mode));
	assert_int_equal(look("").st_mode, S_IFDIR | 0700);
}

/* What each of them does must be refused, after a folder "d", a file "f" and links "l" to /tmp and "up" to .. are there. */
static void add_bad(struct built *b, int which)
{
	static const char *const paths[] = { "/f", "../f", "d/../../f", "d//f", "d/", ".", "./f", "l/f", "up/f", "nosuch/f", "f/f" };

	if (which < 11) {
		at(b, STREAM_MKFILE, paths[which]);
		return;
	}
	switch (which) {
	case 11:
		at(b, STREAM_RENAME, "f");
		built_text(b, B_TO, "../g");
		break;
	case 12:
		at(b, STREAM_RENAME, "../beside");
		built_text(b, B_TO, "g");
		break;
	case 13:
		at(b, STREAM_LINK, "g");
		built_text(b, B_LINK, "up/beside");
		break;
	case 14:
		at(b, STREAM_WRITE, "tobeside");
		built_number(b, B_OFFSET, 0);
		built_text(b, B_DATA, "x");
		break;
	case 15:
		at(b, STREAM_CHOWN, "f");
		built_number(b, B_UID, 70001);
		built_number(b, B_GID, 0);
		break;
	case 16:
		at(b, STREAM_CHMOD, "tobeside");
		built_number(b, B_MODE, 0777);
		break;
	case 17:
		at(b, STREAM_SET_XATTR, "f");
		built_text(b, B_XATTR, "trusted.overlay.opaque");
		built_text(b, B_XATTR_DATA, "y");
		break;
	case 18:
		at(b, STREAM_CLONE, "f");
		built_number(b, B_OFFSET, 0);
		built_bytes(b, B_CLONE_UUID, BUILT_B, 16);
		built_text(b, B_CLONE_PATH, "f");
		built_number(b, B_CLONE_OFFSET, 0);
		built_number(b, B_CLONE_LEN, 1);
		break;
	case 19:
		at(b, STREAM_CLONE, "f");
		built_number(b, B_OFFSET, 0);
		built_bytes(b, B_CLONE_UUID, BUILT_A, 16);
		built_text(b, B_CLONE_PATH, "../beside");
		built_number(b, B_CLONE_OFFSET, 0);
		built_number(b, B_CLONE_LEN, 1);
		break;
	case 20:
		at(b, STREAM_WRITE, "f");
		built_number(b, B_OFFSET, UINT64_MAX - 1);
		built_text(b, B_DATA, "xyz");
		break;
	case 21:
		at(b, STREAM_TRUNCATE, "f");
		built_number(b, B_SIZE, UINT64_MAX);
		break;
	case 22:
		built_command(b, STREAM_SUBVOL);
		built_bytes(b, B_UUID, BUILT_A, 16);
		break;
	case 23:
		at(b, STREAM_UNLINK, "up/beside");
		break;
	case 24:
		at(b, STREAM_TRUNCATE, "pipe");
		built_number(b, B_SIZE, 0);
		break;
	default: built_command(b, STREAM_UPDATE_EXTENT);
	}
}

static void test_bad(void **state)
{
	AUTO_FREE char *beside = fs_join(root, "beside");
	struct error err = ERROR_INIT;
	struct stat st;

	assert_int_equal(fs_write_quick(beside, "keep", 4, 0600, &err), 0);
	for (int i = 0; i <= 25; i++) {
		struct stream_target t = target();
		struct built b;

		error_clear(&err);
		assert_int_equal(setup(NULL), 0);
		begin(&b);
		at(&b, STREAM_MKDIR, "d");
		at(&b, STREAM_MKFILE, "f");
		at(&b, STREAM_MKFIFO, "pipe");
		at(&b, STREAM_SYMLINK, "l");
		built_text(&b, B_LINK, "/tmp");
		at(&b, STREAM_SYMLINK, "up");
		built_text(&b, B_LINK, "..");
		at(&b, STREAM_SYMLINK, "tobeside");
		built_text(&b, B_LINK, "../beside");
		add_bad(&b, i);
		if (apply(&b, &t, &err) == 0)
			fail_msg("case %d is taken", i);
		assert_int_equal(lstat(beside, &st), 0);
		assert_int_equal(st.st_size, 4);
		assert_int_equal(st.st_nlink, 1);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_int_equal(unlink(beside), 0);
}

static void test_limits(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct error err = ERROR_INIT;
		struct stream_target t = target();
		struct built b;

		assert_int_equal(setup(NULL), 0);
		t.max_bytes = i == 0 ? 3 : 4;
		t.max_entries = i == 0 ? 1 : 0;
		begin(&b);
		at(&b, STREAM_MKFILE, "f");
		at(&b, STREAM_WRITE, "f");
		built_number(&b, B_OFFSET, 0);
		built_text(&b, B_DATA, "data");
		assert_int_equal(apply(&b, &t, &err), -1);
		assert_int_equal(err.code, ERROR_TOO_LARGE);
	}
}

/* A stream goes on where the one before ended, and only there. */
static void test_chain(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct error err = ERROR_INIT;
		struct stream_target t = target();
		struct built b;

		t.parent = i < 3 ? open(root, O_RDONLY | O_DIRECTORY) : -1;
		memcpy(t.uuid, i == 1 ? BUILT_B : BUILT_A, 16);
		built_begin(&b);
		built_command(&b, i == 2 ? STREAM_SUBVOL : STREAM_SNAPSHOT);
		built_bytes(&b, B_UUID, BUILT_B, 16);
		built_bytes(&b, B_CLONE_UUID, BUILT_A, 16);
		assert_int_equal(apply(&b, &t, &err), i == 0 ? 0 : -1);
		assert_memory_equal(t.uuid, i < 2 ? BUILT_B : BUILT_A, 16);
		if (t.parent >= 0)
			close(t.parent);
	}
}

static void test_xattrs(void **state)
{
	const struct tar_shift shift = { 100000, 0, 65536 };
	/* an ACL: user::rw-, user:100005:r--, group:5:r-- */
	uint8_t acl[] = "\2\0\0\0" "\1\0\6\0\377\377\377\377" "\2\0\4\0\245\206\1\0" "\10\0\4\0\5\0\0";
	uint8_t capability[24] = "\1\0\0\3" "\0\40\0\0"; /* version 3, effective; its root: 100000 */
	size_t len = sizeof(acl);

	stream_xattr_shift(&shift, "system.posix_acl_access", acl, &len);
	assert_int_equal(len, sizeof(acl));
	assert_memory_equal(acl + 4, "\1\0\6\0\377\377\377\377", 8);
	assert_memory_equal(acl + 16, "\5\0\0\0", 4);
	assert_memory_equal(acl + 24, "\376\377\0\0", 4);
	memcpy(capability + 20, "\240\206\1\0", 4);
	len = sizeof(capability);
	stream_xattr_shift(&shift, "security.capability", capability, &len);
	assert_int_equal(len, 20);
	assert_memory_equal(capability, "\1\0\0\2\0\40", 6);
	len = 3;
	stream_xattr_shift(&shift, "security.capability", capability, &len);
	assert_int_equal(len, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all, setup),
		cmocka_unit_test_setup(test_bad, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_chain, setup),
		cmocka_unit_test(test_xattrs),
	};

	cwd = open(".", O_RDONLY | O_DIRECTORY);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
