/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/json_merge.h"
#include "base/mem.h"

static cJSON *parse(const char *text)
{
	return json_parse(text, strlen(text), &(struct error)ERROR_INIT);
}

/* Each with each other would take minutes. */
static void merges_many(void **state)
{
	AUTO_JSON cJSON *a = cJSON_CreateObject(), *b = cJSON_CreateObject();

	for (int i = 0; i < 100000; i++) {
		AUTO_FREE char *name = mem_printf("k%d", i), *next = mem_printf("k%d", i + 1);

		cJSON_AddItemToObject(a, name, cJSON_CreateString("a"));
		cJSON_AddItemToObject(b, next, cJSON_CreateString("b"));
	}
	json_merge(a, b);
	assert_int_equal(cJSON_GetArraySize(a), 100001);
	assert_string_equal(json_str(a, "k0"), "a");
	assert_string_equal(json_str(a, "k1"), "b");
	assert_string_equal(a->child->prev->string, "k100000");
	json_merge(NULL, b);
}

static void merges_few(void **state)
{
	AUTO_JSON cJSON *a = parse("{\"x\":1,\"y\":{\"old\":1},\"z\":3}"), *b = parse("{\"w\":0,\"y\":{\"new\":1}}");
	AUTO_FREE char *text = NULL;

	json_merge(a, b);
	json_merge(a, NULL);
	text = json_text(a);
	assert_string_equal(text, "{\"x\":1,\"y\":{\"new\":1},\"z\":3,\"w\":0}");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(merges_many), cmocka_unit_test(merges_few) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
