/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "api/event_log.h"
#include "base/mem.h"

static void add(struct event_log *log, const char *text)
{
	event_log_add(log, text[0], mem_strdup(text), strlen(text));
}

static struct event_place *expect(struct event_place *at, const char *text)
{
	struct event_text got;

	assert_true(event_place_read(at, &got));
	assert_string_equal(got.text, text);
	assert_int_equal(got.len, strlen(text));
	assert_int_equal(got.type, text[0]);
	return event_place_next(at);
}

static void test_nobody_reads(void **state)
{
	struct event_log *log = event_log_new();

	add(log, "one");
	add(log, "two");
	assert_int_equal(event_log_bytes(log), 0);
	event_log_free(log);
	event_log_free(NULL);
}

static void test_each_reads_at_its_own_pace(void **state)
{
	struct event_log *log = event_log_new();
	struct event_place *a = event_log_end(log), *b, *late;
	struct event_text none;

	add(log, "first");
	b = event_log_end(log);
	add(log, "second");
	add(log, "third");
	assert_int_equal(event_log_bytes(log), 16);
	assert_int_equal(event_place_behind(log, a), 16);
	assert_int_equal(event_place_behind(log, b), 11);
	a = expect(a, "first");
	assert_int_equal(event_log_bytes(log), 11);
	b = expect(expect(b, "second"), "third");
	assert_false(event_place_read(b, &none));
	assert_int_equal(event_place_behind(log, b), 0);
	assert_int_equal(event_log_bytes(log), 11);
	late = event_log_end(log);
	add(log, "fourth");
	late = expect(late, "fourth");
	b = expect(b, "fourth");
	a = expect(expect(expect(a, "second"), "third"), "fourth");
	assert_int_equal(event_log_bytes(log), 0);
	event_place_release(a);
	event_place_release(b);
	event_place_release(late);
	event_place_release(NULL);
	event_log_free(log);
}

/* Who leaves while it is far behind frees all that only it held, however much that is. */
static void test_leaving(void **state)
{
	struct event_log *log = event_log_new();
	struct event_place *slow = event_log_end(log), *half;

	for (int i = 0; i < 300000; i++)
		add(log, "x");
	half = event_log_end(log);
	for (int i = 0; i < 300000; i++)
		add(log, "y");
	assert_int_equal(event_log_bytes(log), 600000);
	event_place_release(slow);
	assert_int_equal(event_log_bytes(log), 300000);
	half = expect(half, "y");
	event_log_free(log);
	half = expect(half, "y"); /* what it stands on stays */
	event_place_release(half);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_reads),
		cmocka_unit_test(test_each_reads_at_its_own_pace),
		cmocka_unit_test(test_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
