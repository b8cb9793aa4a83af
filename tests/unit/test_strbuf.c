/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

static void empty_reads_as_a_string(void **state)
{
	struct strbuf sb = STRBUF_INIT;

	assert_string_equal(sb.buf, "");
	strbuf_reset(&sb);
	strbuf_truncate(&sb, 0);
	strbuf_drop_front(&sb, 0);
	strbuf_add(&sb, NULL, 0);
	assert_string_equal(sb.buf, "");
	strbuf_clear(&sb);
	strbuf_clear(&sb);
	assert_ptr_equal(sb.buf, strbuf_empty);
}

static void appends(void **state)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
	size_t i;

	strbuf_addstr(&sb, "abc");
	strbuf_addch(&sb, '-');
	strbuf_add(&sb, "x\0y", 3);
	strbuf_addf(&sb, "%d", 42);
	assert_int_equal(sb.len, 9);
	assert_memory_equal(sb.buf, "abc-x\0y42", 10);
	strbuf_reset(&sb);
	for (i = 0; i < 100000; i++)
		strbuf_addch(&sb, (char)('a' + i % 26));
	assert_int_equal(sb.len, 100000);
	assert_int_equal(strlen(sb.buf), 100000);
	assert_true(sb.cap < 300000);
}

static void formats_longer_than_the_room(void **state)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
	size_t width;

	for (width = 1; width < 400; width++) {
		strbuf_clear(&sb);
		strbuf_addch(&sb, '<');
		strbuf_addf(&sb, "%*s>", (int)width, "x");
		assert_int_equal(sb.len, width + 2);
		assert_int_equal(strlen(sb.buf), width + 2);
		assert_int_equal(sb.buf[width], 'x');
		assert_int_equal(sb.buf[width + 1], '>');
	}
}

static void cuts_both_ends(void **state)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT;

	strbuf_addstr(&sb, "0123456789");
	strbuf_truncate(&sb, 8);
	assert_string_equal(sb.buf, "01234567");
	strbuf_drop_front(&sb, 3);
	assert_string_equal(sb.buf, "34567");
	strbuf_drop_front(&sb, 5);
	assert_string_equal(sb.buf, "");
	assert_int_equal(sb.len, 0);
}

static void detach_gives_the_memory_away(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	AUTO_FREE char *empty = strbuf_detach(&sb);
	AUTO_FREE char *text = NULL;

	assert_string_equal(empty, "");
	strbuf_addstr(&sb, "mine");
	text = strbuf_detach(&sb);
	assert_string_equal(text, "mine");
	assert_int_equal(sb.len, 0);
	assert_int_equal(sb.cap, 0);
}

static void mem_helpers(void **state)
{
	AUTO_FREE char *copy = mem_strndup("abcdef", 3), *short_copy = mem_strndup("ab", 10), *text = NULL;
	AUTO_FREE unsigned char *zero = mem_alloc(64);
	size_t i;

	assert_string_equal(copy, "abc");
	assert_string_equal(short_copy, "ab");
	assert_null(mem_strdup(NULL));
	assert_null(mem_strndup(NULL, 4));
	text = mem_printf("%s/%d", "a", 7);
	assert_string_equal(text, "a/7");
	for (i = 0; i < 64; i++)
		assert_int_equal(zero[i], 0);
	copy = mem_realloc(copy, 0, 8);
	assert_non_null(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_reads_as_a_string),
		cmocka_unit_test(appends),
		cmocka_unit_test(formats_longer_than_the_room),
		cmocka_unit_test(cuts_both_ends),
		cmocka_unit_test(detach_gives_the_memory_away),
		cmocka_unit_test(mem_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
