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
#include "helper/sftp.h"
#include "helper/sftp_wire.h"

static char top[] = "/tmp/test-sftp.XXXXXX";
static int root;
static struct sftp *s;
static struct strbuf packet, out;

static int setup(void **state)
{
	assert_non_null(mkdtemp(top));
	root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	strbuf_init(&packet);
	strbuf_init(&out);
	s = sftp_new(root);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	sftp_free(s);
	strbuf_clear(&packet);
	strbuf_clear(&out);
	close(root);
	return fs_remove_tree(top, &err);
}

static void begin(uint8_t type)
{
	strbuf_reset(&packet);
	strbuf_addch(&packet, (char)type);
	sftp_put_u32(&packet, 7);
}

/* Sends it; the answer's type, which is for our id. */
static uint8_t answer(struct sftp_in *ret_in)
{
	struct error err = ERROR_INIT;

	assert_int_equal(sftp_packet(s, packet.buf, packet.len, &out, &err), 0);
	*ret_in = (struct sftp_in){ .p = (const unsigned char *)out.buf, .left = out.len };
	assert_int_equal(sftp_get_u32(ret_in), out.len - 4);
	ret_in->p++;
	ret_in->left--;
	assert_int_equal(sftp_get_u32(ret_in), 7);
	return (uint8_t)out.buf[4];
}

static void assert_status(uint32_t code)
{
	struct sftp_in in;

	assert_int_equal(answer(&in), SFTP_STATUS);
	assert_int_equal(sftp_get_u32(&in), code);
}

static void with_path(uint8_t type, const char *path)
{
	begin(type);
	sftp_put_text(&packet, path);
}

static uint32_t open_handle(const char *path, uint32_t flags)
{
	struct sftp_in in;

	with_path(SFTP_OPEN, path);
	sftp_put_u32(&packet, flags);
	sftp_put_u32(&packet, 0);
	assert_int_equal(answer(&in), SFTP_HANDLE);
	assert_int_equal(sftp_get_u32(&in), 4);
	return sftp_get_u32(&in);
}

static void with_handle(uint8_t type, uint32_t handle)
{
	begin(type);
	sftp_put_u32(&packet, 4);
	sftp_put_u32(&packet, handle);
}

static void test_order(void **state)
{
	struct error err = ERROR_INIT;

	with_path(SFTP_STAT, "/");
	assert_int_equal(sftp_packet(s, packet.buf, packet.len, &out, &err), -1);
	strbuf_reset(&packet);
	strbuf_addch(&packet, SFTP_INIT);
	sftp_put_u32(&packet, 3);
	error_clear(&err);
	assert_int_equal(sftp_packet(s, packet.buf, packet.len, &out, &err), 0);
	assert_int_equal(out.buf[4], SFTP_VERSION);
	assert_int_equal(sftp_packet(s, packet.buf, 3, &out, &err), -1);
}

static void test_file(void **state)
{
	uint32_t h = open_handle("f", SFTP_F_READ | SFTP_F_WRITE | SFTP_F_CREAT);
	struct sftp_in in;
	size_t len;

	with_handle(SFTP_WRITE, h);
	sftp_put_u64(&packet, 2);
	sftp_put_text(&packet, "abc");
	assert_status(SFTP_OK);
	with_handle(SFTP_READ, h);
	sftp_put_u64(&packet, 1);
	sftp_put_u32(&packet, 100);
	assert_int_equal(answer(&in), SFTP_DATA);
	assert_memory_equal(sftp_get_bytes(&in, &len), "\0abc", 4);
	assert_int_equal(len, 4);
	with_handle(SFTP_READ, h);
	sftp_put_u64(&packet, 5);
	sftp_put_u32(&packet, 100);
	assert_status(SFTP_EOF);
	with_handle(SFTP_READDIR, h);
	assert_status(SFTP_FAILURE);
	with_handle(SFTP_CLOSE, h);
	assert_status(SFTP_OK);
	with_handle(SFTP_CLOSE, h);
	assert_status(SFTP_FAILURE);
	with_path(SFTP_RENAME, "f");
	sftp_put_text(&packet, "g");
	assert_status(SFTP_OK);
	with_path(SFTP_REMOVE, "f");
	assert_status(SFTP_NO_SUCH_FILE);
}

static void test_inside(void **state)
{
	struct sftp_in in;

	begin(SFTP_SYMLINK);
	sftp_put_text(&packet, "../../../../../../etc");
	sftp_put_text(&packet, "/out");
	assert_status(SFTP_OK);
	with_path(SFTP_STAT, "/out/passwd");
	assert_status(SFTP_NO_SUCH_FILE);
	with_path(SFTP_REALPATH, "../../x");
	assert_int_equal(answer(&in), SFTP_NAME);
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	with_path(SFTP_OPEN, "/fifo");
	sftp_put_u32(&packet, SFTP_F_READ);
	sftp_put_u32(&packet, 0);
	assert_status(SFTP_FAILURE);
}

static void test_folder(void **state)
{
	struct sftp_in in;
	uint32_t h;

	with_path(SFTP_MKDIR, "/d");
	sftp_put_u32(&packet, 0);
	assert_status(SFTP_OK);
	with_path(SFTP_OPENDIR, "/d");
	assert_int_equal(answer(&in), SFTP_HANDLE);
	(void)sftp_get_u32(&in);
	h = sftp_get_u32(&in);
	with_handle(SFTP_READDIR, h);
	assert_int_equal(answer(&in), SFTP_NAME);
	assert_int_equal(sftp_get_u32(&in), 2);
	with_handle(SFTP_READDIR, h);
	assert_status(SFTP_EOF);
	with_handle(SFTP_CLOSE, h);
	assert_status(SFTP_OK);
	h = open_handle("/d", SFTP_F_READ);
	with_handle(SFTP_FSTAT, h);
	assert_int_equal(answer(&in), SFTP_ATTRS);
	with_handle(SFTP_READ, h);
	sftp_put_u64(&packet, 0);
	sftp_put_u32(&packet, 100);
	assert_status(SFTP_FAILURE);
	with_handle(SFTP_CLOSE, h);
	assert_status(SFTP_OK);
	with_path(SFTP_OPEN, "/d");
	sftp_put_u32(&packet, SFTP_F_READ | SFTP_F_WRITE);
	sftp_put_u32(&packet, 0);
	assert_status(SFTP_FAILURE);
	with_path(SFTP_RMDIR, "/d");
	assert_status(SFTP_OK);
}

static void test_bad(void **state)
{
	begin(SFTP_LSTAT);
	sftp_put_u32(&packet, 4000000000u);
	assert_status(SFTP_BAD_MESSAGE);
	begin(SFTP_REMOVE);
	sftp_put_u32(&packet, 2);
	strbuf_add(&packet, "a\0", 2);
	assert_status(SFTP_BAD_MESSAGE);
	begin(99);
	assert_status(SFTP_UNSUPPORTED);
	with_path(SFTP_EXTENDED, "nosuch@example.org");
	assert_status(SFTP_UNSUPPORTED);
	begin(SFTP_SETSTAT);
	sftp_put_text(&packet, "/");
	sftp_put_u32(&packet, SFTP_A_EXTENDED);
	sftp_put_u32(&packet, 4000000000u);
	assert_status(SFTP_BAD_MESSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order), cmocka_unit_test(test_file),   cmocka_unit_test(test_inside),
		cmocka_unit_test(test_folder), cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
