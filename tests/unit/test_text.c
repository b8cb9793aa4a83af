/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_characters(void **state)
{
	(void)state;
	assert_true(text_is_line(""));
	assert_true(text_is_line("a b \xc3\xa4"));
	assert_false(text_is_line("a\nb"));
	assert_false(text_is_line("a\x7f"));
	assert_false(text_is_line("\x1f"));
	assert_true(text_is_word("a\xc3\xa4"));
	assert_false(text_is_word("a b"));
	assert_false(text_is_word("a\tb"));
}

/* The published test vectors of FNV-1a: names on disk and of interfaces depend on them. */
static void test_hashes(void **state)
{
	(void)state;
	assert_true(text_hash(TEXT_HASH_BEGIN, "") == UINT64_C(0xcbf29ce484222325));
	assert_true(text_hash(TEXT_HASH_BEGIN, "foobar") == UINT64_C(0x85944171f73967e8));
	assert_true(text_hash(text_hash(TEXT_HASH_BEGIN, "foo"), "bar") == UINT64_C(0x85944171f73967e8));
	assert_int_equal(text_hash32(""), 0x811c9dc5);
	assert_int_equal(text_hash32("foobar"), 0xbf9cf968);
}

static void test_secrets(void **state)
{
	(void)state;
	assert_true(text_same_secret("", ""));
	assert_true(text_same_secret("abc", "abc"));
	assert_false(text_same_secret("abc", "abd"));
	assert_false(text_same_secret("abc", "xbc"));
	assert_false(text_same_secret("abc", "ab"));
	assert_false(text_same_secret("", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
