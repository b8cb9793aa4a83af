/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/key.h"

static cJSON *parse(const char *text)
{
	struct error err = ERROR_INIT;
	cJSON *v = json_parse(text, strlen(text), &err);

	if (!v)
		fail_msg("%s: %s", text, err.msg);
	return v;
}

static void assert_json(cJSON *v, const char *want)
{
	AUTO_FREE char *text = NULL;

	json_sort(v);
	text = json_text(v);
	assert_string_equal(text, want);
	cJSON_Delete(v);
}

static void later_wins(void **state)
{
	cJSON *a = parse("{\"config\":{\"user.x\":\"a\",\"user.y\":\"a\"},\"devices\":{\"eth0\":{\"type\":"
			 "\"nic\",\"mtu\":\"1400\"}}}");
	cJSON *b = parse("{\"config\":{\"user.y\":\"b\",\"user.z\":\"b\"}}");
	cJSON *own = parse("{\"config\":{\"user.z\":\"own\"},\"devices\":{\"eth0\":{\"type\":\"none\"},\"d\":"
			   "{\"type\":\"none\"}}}");
	const cJSON *profiles[] = { a, NULL, b };
	cJSON *config, *devices;

	config_expand(profiles, 3, own, &config, &devices);
	assert_json(config, "{\"user.x\":\"a\",\"user.y\":\"b\",\"user.z\":\"own\"}");
	assert_json(
		devices,
		"{\"d\":{\"type\":\"none\"},\"eth0\":{\"type\":\"none\"}}"); /* whole devices, not merged */
	/* the sources are as they were */
	assert_string_equal(json_str(json_obj(a, "config"), "user.y"), "a");
	cJSON_Delete(a);
	cJSON_Delete(b);
	cJSON_Delete(own);
}

/* Each key with each other would take minutes. */
static void many_keys(void **state)
{
	enum { MANY = 100000 };
	AUTO_JSON cJSON *profile = parse("{\"config\":{\"user.k7\":\"profile\",\"user.p\":\"profile\"}}");
	AUTO_JSON cJSON *own = cJSON_CreateObject();
	cJSON *own_config = cJSON_AddObjectToObject(own, "config");
	const cJSON *profiles[] = { profile };
	AUTO_JSON cJSON *config = NULL, *devices = NULL;

	for (int i = 0; i < MANY; i++) {
		AUTO_FREE char *key = mem_printf("user.k%d", i);

		cJSON_AddItemToObject(own_config, key, cJSON_CreateString("own"));
	}
	config_expand(profiles, 1, own, &config, &devices);
	assert_int_equal(cJSON_GetArraySize(config), MANY + 1);
	assert_string_equal(json_str(config, "user.k7"), "own");
	assert_string_equal(json_str(config, "user.p"), "profile");
}

static void nothing_is_fine(void **state)
{
	cJSON *config, *devices;
	cJSON *odd = parse("{\"config\":[],\"devices\":null}");

	config_expand(NULL, 0, NULL, &config, &devices);
	assert_json(config, "{}");
	assert_json(devices, "{}");
	config_expand(NULL, 0, odd, &config, &devices);
	assert_json(config, "{}");
	assert_json(devices, "{}");
	cJSON_Delete(odd);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(later_wins), cmocka_unit_test(many_keys), cmocka_unit_test(nothing_is_fine) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
