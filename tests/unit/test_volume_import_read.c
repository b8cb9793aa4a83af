/* SPDX-License-Identifier: MIT */
#include "backup/volume_import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define MAP                                                                                                                    \
	"\"[{\\\"Isuid\\\":true,\\\"Isgid\\\":false,\\\"Hostid\\\":1000000,\\\"Nsid\\\":0,\\\"Maprange\\\":65536},"           \
	"{\\\"Isuid\\\":false,\\\"Isgid\\\":true,\\\"Hostid\\\":1000000,\\\"Nsid\\\":0,\\\"Maprange\\\":65536}]\""

static cJSON *read_text(const char *text, struct error *err)
{
	AUTO_JSON cJSON *index = json_parse(text, strlen(text), err);

	assert_non_null(index);
	return volume_import_read(index, err);
}

/* A snapshot from before the first container is not shifted as the volume is. */
static void test_good(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = read_text("{\"name\":\"v\",\"type\":\"custom\",\"optimized\":\"false\",\"snapshots\":[\"s1\",\"s2\"],\"config\":{"
				       "\"volume\":{\"description\":\"d\",\"config\":{\"user.a\":\"1\",\"volatile.idmap.last\":" MAP "}},"
				       "\"volume_snapshots\":[{\"name\":\"s1\",\"config\":\"\",\"created_at\":\"2026-11-22T01:02:03Z\"},"
				       "{\"name\":\"v/s2\",\"config\":{\"volatile.idmap.last\":" MAP "}}]}}", &err);
	const cJSON *snapshot;

	assert_non_null(v);
	assert_string_equal(json_str(v, "name"), "v");
	assert_string_equal(json_str(v, "description"), "d");
	assert_string_equal(json_str(v, "shift"), "1000000:0:65536");
	assert_string_equal(json_str(json_obj(v, "config"), "user.a"), "1");
	assert_null(json_str(json_obj(v, "config"), "volatile.idmap.last"));
	snapshot = json_arr(v, "snapshots")->child;
	assert_string_equal(json_str(snapshot, "name"), "s1");
	assert_string_equal(json_str(snapshot, "created_at"), "2026-11-22T01:02:03Z");
	assert_null(json_str(snapshot, "shift"));
	assert_string_equal(json_str(snapshot->next, "name"), "s2");
	assert_string_equal(json_str(snapshot->next, "shift"), "1000000:0:65536");
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"type\":\"custom\"}",
		"{\"type\":\"container\",\"config\":{\"volume\":{}}}",
		"{\"type\":\"custom\",\"optimized\":\"true\",\"header\":{\"subvolumes\":[{\"path\":\"/x\"}]},\"config\":{\"volume\":{}}}",
		"{\"type\":\"custom\",\"config\":{\"volume\":{\"content_type\":\"block\"}}}",
		"{\"type\":\"custom\",\"config\":{\"volume\":{\"config\":[\"a\"]}}}",
		"{\"type\":\"custom\",\"config\":{\"volume\":{\"config\":{\"a\":[]}}}}",
		"{\"type\":\"custom\",\"config\":{\"volume\":{\"config\":{\"volatile.idmap.last\":\"{}\"}}}}",
		"{\"type\":\"custom\",\"snapshots\":[\"s\"],\"config\":{\"volume\":{}}}",
		"{\"type\":\"custom\",\"snapshots\":[\"s\"],\"config\":{\"volume\":{},\"volume_snapshots\":[{\"name\":\"..\"}]}}",
		"{\"type\":\"custom\",\"snapshots\":[\"s\",\"s\"],\"config\":{\"volume\":{},\"volume_snapshots\":[{\"name\":\"s\"},{\"name\":\"s\"}]}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		assert_null(read_text(bad[i], &err));
		assert_int_not_equal(err.code, ERROR_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
