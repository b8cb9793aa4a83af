/* SPDX-License-Identifier: MIT */
#include "helper/stream_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "stream_build.h"

/* All commands of it: how many, or -1. */
static int count(struct built *b, struct error *err)
{
	struct stream *s = stream_new(built_source, b);
	struct stream_command *c = mem_alloc(sizeof(*c));
	int n = 0, rc;

	while ((rc = stream_next(s, c, err)) > 0)
		n++;
	assert_int_equal(rc == 0 ? stream_next(s, c, err) : 0, 0);
	free(c);
	stream_free(s);
	strbuf_clear(&b->all);
	return rc == 0 ? n : -1;
}

static void good(struct built *b)
{
	built_begin(b);
	built_command(b, STREAM_SUBVOL);
	built_text(b, B_PATH, "x");
	built_bytes(b, B_UUID, BUILT_A, 16);
}

static void test_good(void **state)
{
	struct error err = ERROR_INIT;
	struct stream_command *c = mem_alloc(sizeof(*c));
	struct built b;
	struct stream *s;

	good(&b);
	built_command(&b, STREAM_WRITE);
	built_text(&b, B_PATH, "a/b");
	built_number(&b, B_OFFSET, 7);
	built_text(&b, B_DATA, "data");
	built_command(&b, STREAM_UTIMES);
	built_text(&b, B_PATH, "");
	built_bytes(&b, B_ATIME, "\1\0\0\0\0\0\0\0\2\0\0", 12);
	built_bytes(&b, B_MTIME, "\3\0\0\0\0\0\0\0\4\0\0", 12);
	built_command(&b, STREAM_END);
	s = stream_new(built_source, &b);
	assert_int_equal(stream_next(s, c, &err), 1);
	assert_int_equal(c->kind, STREAM_SUBVOL);
	assert_memory_equal(c->uuid, BUILT_A, 16);
	assert_int_equal(stream_next(s, c, &err), 1);
	assert_string_equal(c->path, "a/b");
	assert_int_equal(c->offset, 7);
	assert_int_equal(c->len, 4);
	assert_memory_equal(c->data, "data", 4);
	assert_int_equal(stream_next(s, c, &err), 1);
	assert_int_equal(c->atime.tv_sec, 1);
	assert_int_equal(c->mtime.tv_nsec, 4);
	assert_int_equal(stream_next(s, c, &err), 0);
	assert_int_equal(stream_next(s, c, &err), 0);
	stream_free(s);
	strbuf_clear(&b.all);
	free(c);
}

/* Of a good beginning, then something bad. */
static void make_bad(struct built *b, int which)
{
	good(b);
	switch (which) {
	case 0: break; /* no end */
	case 1: built_command(b, STREAM_KINDS); break;
	case 2: built_command(b, STREAM_MKDIR); break;
	case 3:
		built_command(b, STREAM_MKDIR);
		built_bytes(b, B_PATH, "a\0b", 3);
		break;
	case 4:
		built_command(b, STREAM_MKDIR);
		built_text(b, B_PATH, "a");
		built_text(b, B_PATH, "a");
		break;
	case 5:
		built_command(b, STREAM_MKDIR);
		built_text(b, B_PATH, "a");
		built_text(b, 99, "a");
		break;
	case 6:
		built_command(b, STREAM_CHMOD);
		built_text(b, B_PATH, "a");
		built_bytes(b, B_MODE, "1234", 4);
		break;
	case 7: b->all.buf[b->all.len - 1] ^= 1; break; /* checksum */
	case 8:
		built_command(b, STREAM_END);
		strbuf_addch(&b->all, 'x');
		break;
	case 9: b->all.buf[13] = 2; break; /* version */
	case 10: b->all.buf[0] = 'x'; break;
	case 11: b->all.len -= 3; break;
	case 12:
		built_command(b, STREAM_MKDIR);
		strbuf_add(&b->all, "\17\0\377\0a", 5); /* an attribute longer than its command */
		built_seal(b);
		break;
	case 13:
		built_command(b, STREAM_MKDIR);
		strbuf_add(&b->all, "\17\0", 2);
		built_seal(b);
		break;
	case 14:
		built_command(b, STREAM_UTIMES);
		built_text(b, B_PATH, "");
		built_bytes(b, B_ATIME, "\0\0\0\0\0\0\0\0\377\377\377\377", 12);
		break;
	case 15:
		built_command(b, STREAM_SUBVOL);
		built_bytes(b, B_UUID, BUILT_A, 15);
		break;
	case 16:
		built_command(b, STREAM_MKDIR);
		memcpy(b->all.buf + b->command, "\377\377\377\377", 4);
		break;
	default:
		b->all.len = 0;
	}
}

static void test_bad(void **state)
{
	for (int i = 0; i <= 17; i++) {
		struct error err = ERROR_INIT;
		struct built b;

		make_bad(&b, i);
		if (count(&b, &err) >= 0)
			fail_msg("case %d is taken", i);
		assert_int_equal(err.code, i == 9 ? ERROR_UNSUPPORTED : ERROR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
