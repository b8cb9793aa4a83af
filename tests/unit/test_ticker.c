/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proc/ticker.h"

static void due(void **state)
{
	const time_t minute = 1795000020; /* a full one */
	static const struct {
		int late; /* seconds after the minute that was told of last */
		int due;
	} cases[] = {
		{ 0, 0 },     { 59, 0 },    { 60, 1 },	   { 119, 1 },	  { 120, 2 },	{ 300, 5 },
		{ 359, 5 },   { 360, 1 },   { 86400, 1 },  { -1, 0 },	  { -60, 0 },	{ -3600, 0 },
		{ -3661, 1 }, { -86400, 1 },
	};

	assert_int_equal(minute % 60, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ticker_due(minute, minute + cases[i].late) != cases[i].due)
			fail_msg("%d s after: not %d", cases[i].late, cases[i].due);
}

static void never(time_t minute, void *data)
{
	fail_msg("it was told of a minute");
}

/* Unreferenced: the loop ends though a ticker waits; removed: nothing is left in the loop. */
static void life(void **state)
{
	uv_loop_t loop;
	struct ticker *t;

	assert_int_equal(uv_loop_init(&loop), 0);
	t = ticker_add(&loop, never, NULL);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ticker_remove(t);
	ticker_remove(NULL);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(due), cmocka_unit_test(life) };

	return cmocka_run_group_tests_name("ticker", tests, NULL, NULL);
}
