/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "image/tar_source.h"

enum { LEN = 700000 }; /* more than one buffer */

static char *make_data(void)
{
	char *data = mem_alloc(LEN);
	unsigned x = 1;
	size_t i;

	for (i = 0; i < LEN; i++) {
		x = x * 1103515245 + 12345;
		data[i] = (char)(i / 7 % 13 == 0 ? x >> 16 : i / 1000);
	}
	return data;
}

static void pack_none(const char *data, size_t len, struct strbuf *out)
{
	strbuf_add(out, data, len);
}

static void pack_gzip(const char *data, size_t len, struct strbuf *out)
{
	z_stream z = { 0 };
	size_t start = out->len;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	strbuf_grow(out, len + 1000);
	z.next_in = (unsigned char *)data;
	z.avail_in = (uInt)len;
	z.next_out = (unsigned char *)out->buf + start;
	z.avail_out = (uInt)len + 1000;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = start + z.total_out;
	deflateEnd(&z);
}

static void pack_xz(const char *data, size_t len, struct strbuf *out)
{
	size_t pos = out->len, start = out->len;

	strbuf_grow(out, len + 1000);
	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)data, len,
						 (uint8_t *)out->buf, &pos, start + len + 1000), LZMA_OK);
	out->len = pos;
}

static void pack_zstd(const char *data, size_t len, struct strbuf *out)
{
	size_t n;

	strbuf_grow(out, len + 1000);
	n = ZSTD_compress(out->buf + out->len, len + 1000, data, len, 3);
	assert_false(ZSTD_isError(n));
	out->len += n;
}

static const struct {
	const char *name;
	void (*pack)(const char *data, size_t len, struct strbuf *out);
} packings[] = { { "none", pack_none }, { "gzip", pack_gzip }, { "xz", pack_xz }, { "zstd", pack_zstd } };

/* Reads all of it in odd pieces. */
static int read_all(struct tar_source *s, struct strbuf *out, struct error *err)
{
	char buf[4097];
	ssize_t n;

	while ((n = tar_source_read(s, buf, sizeof(buf), err)) > 0)
		strbuf_add(out, buf, (size_t)n);
	return n < 0 ? -1 : 0;
}

static int unpack(const struct strbuf *in, struct strbuf *out, struct error *err)
{
	struct tar_source *s = tar_source_memory(in->buf, in->len);
	int rc = read_all(s, out, err);

	tar_source_free(s);
	return rc;
}

static void test_every_packing(void **state)
{
	AUTO_FREE char *data = make_data();
	size_t i;

	for (i = 0; i < 4; i++) {
		AUTO_STRBUF struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
		struct error err = ERROR_INIT;
		struct tar_source *s;

		packings[i].pack(data, LEN, &packed);
		s = tar_source_memory(packed.buf, packed.len);
		assert_int_equal(read_all(s, &out, &err), 0);
		assert_string_equal(tar_source_packing(s), packings[i].name);
		assert_int_equal(tar_source_total(s), LEN);
		assert_int_equal(out.len, LEN);
		assert_memory_equal(out.buf, data, LEN);
		tar_source_free(s);
	}
}

/* pigz, bgzip, pzstd and `cat a.xz b.xz` make several members. */
static void test_several_members(void **state)
{
	AUTO_FREE char *data = make_data();
	size_t i;

	for (i = 1; i < 4; i++) {
		AUTO_STRBUF struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
		struct error err = ERROR_INIT;

		packings[i].pack(data, LEN / 2, &packed);
		packings[i].pack(data + LEN / 2, LEN / 2, &packed);
		assert_int_equal(unpack(&packed, &out, &err), 0);
		assert_int_equal(out.len, LEN);
		assert_memory_equal(out.buf, data, LEN);
	}
}

static void test_from_a_pipe_byte_by_byte(void **state)
{
	AUTO_STRBUF struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct tar_source *s;
	int fds[2];
	size_t i;

	pack_xz("hello, archive", 14, &packed);
	assert_int_equal(pipe(fds), 0);
	if (fork() == 0) {
		close(fds[0]);
		for (i = 0; i < packed.len; i++) {
			if (write(fds[1], packed.buf + i, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	s = tar_source_fd(fds[0]);
	assert_int_equal(read_all(s, &out, &err), 0);
	assert_string_equal(out.buf, "hello, archive");
	tar_source_free(s);
	close(fds[0]);
}

static void test_cut_off_anywhere(void **state)
{
	AUTO_FREE char *data = make_data();
	size_t i, cut;

	for (i = 1; i < 4; i++) {
		AUTO_STRBUF struct strbuf packed = STRBUF_INIT;

		packings[i].pack(data, LEN, &packed);
		for (cut = 7; cut < packed.len; cut += packed.len / 23) {
			AUTO_STRBUF struct strbuf out = STRBUF_INIT;
			struct strbuf part = { .buf = packed.buf, .len = cut };
			struct error err = ERROR_INIT;

			assert_int_equal(unpack(&part, &out, &err), -1);
			assert_non_null(strstr(err.msg, "unexpected end of the archive"));
		}
	}
}

static void test_damage_is_found(void **state)
{
	AUTO_FREE char *data = make_data();
	size_t i;

	for (i = 1; i < 3; i++) { /* zstd has no checksum unless asked for */
		AUTO_STRBUF struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
		struct error err = ERROR_INIT;

		packings[i].pack(data, LEN, &packed);
		packed.buf[packed.len / 2] ^= 0x55;
		assert_int_equal(unpack(&packed, &out, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void test_trailing_garbage(void **state)
{
	AUTO_STRBUF struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	pack_gzip("x", 1, &packed);
	strbuf_add(&packed, "\0\0\0\0", 4); /* zeros are padding of a tape */
	assert_int_equal(unpack(&packed, &out, &err), 0);
	strbuf_addstr(&packed, "rm -rf /");
	assert_int_equal(unpack(&packed, &out, &err), -1);
	assert_non_null(strstr(err.msg, "trailing garbage"));
}

static void test_refused_packings(void **state)
{
	static const struct {
		const char *bytes, *name;
	} cases[] = { { "LZIP\1\x0c....", "lzip" }, { "PK\3\4....", "zip" }, { "7z\xbc\xaf\x27\x1c..", "7z" },
		      { "hsqs....", "squashfs" }, { "\x04\x22\x4d\x18..", "lz4" } };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf in = { .buf = (char *)cases[i].bytes, .len = strlen(cases[i].bytes) };
		AUTO_STRBUF struct strbuf out = STRBUF_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(unpack(&in, &out, &err), -1);
		assert_non_null(strstr(err.msg, "Unsupported compression: "));
		assert_non_null(strstr(err.msg, cases[i].name));
	}
}

/* A gigabyte of zeros in a megabyte: stopped at the limit, not unpacked. */
static void test_bomb_stops_at_the_limit(void **state)
{
	AUTO_FREE char *zeros = mem_alloc(LEN);
	size_t i;

	for (i = 1; i < 4; i++) {
		AUTO_STRBUF struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
		struct error err = ERROR_INIT;
		struct tar_source *s;
		int n;

		for (n = 0; n < 100; n++)
			packings[i].pack(zeros, LEN, &packed);
		s = tar_source_memory(packed.buf, packed.len);
		tar_source_limit(s, 1000000);
		assert_int_equal(read_all(s, &out, &err), -1);
		assert_int_equal(err.code, ERROR_TOO_LARGE);
		assert_in_range(out.len, 0, 1000000);
		tar_source_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_packing),
		cmocka_unit_test(test_several_members),
		cmocka_unit_test(test_from_a_pipe_byte_by_byte),
		cmocka_unit_test(test_cut_off_anywhere),
		cmocka_unit_test(test_damage_is_found),
		cmocka_unit_test(test_trailing_garbage),
		cmocka_unit_test(test_refused_packings),
		cmocka_unit_test(test_bomb_stops_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
