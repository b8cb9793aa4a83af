/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/similar.h"

static void distances(void **state)
{
	char longer[66];

	assert_int_equal(similar_distance("", ""), 0);
	assert_int_equal(similar_distance("", "abc"), 3);
	assert_int_equal(similar_distance("abc", ""), 3);
	assert_int_equal(similar_distance("log_level", "log_level"), 0);
	assert_int_equal(similar_distance("lgo", "log"), 1);
	assert_int_equal(similar_distance("start", "strat"), 1);
	assert_int_equal(similar_distance("kitten", "sitting"), 3);
	assert_int_equal(similar_distance("ab", "ba"), 1);
	assert_int_equal(similar_distance("a", "b"), 1);
	memset(longer, 'x', 65);
	longer[65] = 0;
	assert_int_equal(similar_distance(longer, "x"), 64);
	assert_int_equal(similar_distance(longer, longer), 64);
	assert_int_equal(similar_distance(longer + 1, longer + 1), 0);
}

static void the_nearest_wins(void **state)
{
	static const char *const words[] = { "start", "stop", "restart", "state" };
	const char *found = NULL;
	size_t best = SIMILAR_MAX + 1, i;

	for (i = 0; i < 4; i++)
		if (similar_better("stat", words[i], &best))
			found = words[i];
	assert_string_equal(found, "start");
	best = SIMILAR_MAX + 1;
	assert_false(similar_better("xyz", "stop", &best));
	assert_false(similar_better("a", "b", &best));
	assert_int_equal(best, SIMILAR_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(the_nearest_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
