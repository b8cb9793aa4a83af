/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"

static int freed;

static void count_free(void *p)
{
	freed++;
	free(p);
}

static void empty_map(void **state)
{
	struct strmap *m = strmap_new(NULL);
	const char **keys = strmap_keys(m);
	size_t pos = 0;

	assert_null(strmap_get(m, "x"));
	assert_null(strmap_take(m, "x"));
	strmap_remove(m, "x");
	assert_int_equal(strmap_count(m), 0);
	assert_null(keys[0]);
	assert_int_equal(strmap_next(m, &pos, NULL, NULL), 0);
	free(keys);
	strmap_free(m);
	strmap_free(NULL);
}

static void keys_are_copies_and_values_owned(void **state)
{
	struct strmap *m = strmap_new(count_free);
	char key[] = "name";
	char *one = mem_strdup("1"), *taken;

	freed = 0;
	strmap_put(m, key, one);
	key[0] = 'X';
	assert_string_equal(strmap_get(m, "name"), "1");
	strmap_put(m, "name", one); /* the same value again is not freed */
	assert_int_equal(freed, 0);
	strmap_put(m, "name", mem_strdup("2"));
	assert_int_equal(freed, 1);
	taken = strmap_take(m, "name");
	assert_int_equal(freed, 1);
	assert_string_equal(taken, "2");
	free(taken);
	strmap_put(m, "a", mem_strdup("a"));
	strmap_put(m, "b", mem_strdup("b"));
	strmap_put(m, "null", NULL);
	strmap_remove(m, "a");
	assert_int_equal(freed, 2);
	strmap_free(m);
	assert_int_equal(freed, 3);
}

static void agrees_with_an_array(void **state)
{
	enum { N = 500, ROUNDS = 60000 };
	static int model[N];
	static char *names[N];
	struct strmap *m = strmap_new(NULL);
	unsigned seed = 7;
	size_t live = 0;
	int i;

	for (i = 0; i < N; i++)
		names[i] = mem_printf("%*sk%d", i % 20, "", i);
	for (i = 0; i < ROUNDS; i++) {
		unsigned k = (seed = seed * 1103515245 + 12345) / 65536 % N;

		if (seed / 7 % 3) {
			live += !model[k];
			model[k] = i + 1;
			strmap_put(m, names[k], &model[k]);
		} else {
			assert_ptr_equal(strmap_take(m, names[k]), model[k] ? &model[k] : NULL);
			live -= !!model[k];
			model[k] = 0;
		}
		assert_int_equal(strmap_count(m), live);
		k = (k * 31 + 1) % N;
		assert_ptr_equal(strmap_get(m, names[k]), model[k] ? &model[k] : NULL);
	}
	for (i = 0; i < N; i++) {
		assert_ptr_equal(strmap_get(m, names[i]), model[i] ? &model[i] : NULL);
		free(names[i]);
	}
	strmap_free(m);
}

static void lists_sorted_and_iterates_all(void **state)
{
	struct strmap *m = strmap_new(NULL);
	size_t pos = 0, n = 0;
	char key[16], prev[16] = "";
	const char **keys, *k;
	void *v;
	int i;

	for (i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "c%d", i);
		strmap_put(m, key, (void *)(intptr_t)(i + 1));
	}
	keys = strmap_keys(m);
	for (n = 0; keys[n]; n++) {
		assert_true(strcmp(prev, keys[n]) < 0);
		snprintf(prev, sizeof(prev), "%s", keys[n]);
	}
	assert_int_equal(n, 1000);
	free(keys);
	for (n = 0; strmap_next(m, &pos, &k, &v); n++)
		assert_int_equal(atoi(k + 1) + 1, (intptr_t)v);
	assert_int_equal(n, 1000);
	strmap_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map),
		cmocka_unit_test(keys_are_copies_and_values_owned),
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(lists_sorted_and_iterates_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
