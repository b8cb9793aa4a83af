/* SPDX-License-Identifier: MIT */
#include "backup/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backup/import_private.h"
#include "base/json.h"

static cJSON *read_text(const char *text, const char *name, struct error *err)
{
	AUTO_JSON cJSON *index = json_parse(text, strlen(text), err);

	assert_non_null(index);
	return import_read(index, name, err);
}

static void test_good(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = read_text(
	    "{\"name\":\"c1\",\"type\":\"container\",\"optimized\":\"false\",\"snapshots\":[\"s1\"],\"config\":{\"container\":{\"config\":"
	    "{\"user.a\":\"1\",\"volatile.last_state.idmap\":\"[{\\\"Isuid\\\":true,\\\"Isgid\\\":false,\\\"Hostid\\\":100000,\\\"Nsid\\\":0,"
	    "\\\"Maprange\\\":65536},{\\\"Isuid\\\":false,\\\"Isgid\\\":true,\\\"Hostid\\\":100000,\\\"Nsid\\\":0,\\\"Maprange\\\":65536}]\"},"
	    "\"devices\":{},\"profiles\":[\"default\"],\"ephemeral\":\"true\"},\"snapshots\":[{\"name\":\"c1/s1\",\"config\":{\"volatile.x\":\"1\"},"
	    "\"devices\":\"\",\"profiles\":[],\"created_at\":\"2026-11-22T01:02:03Z\"}]}}", NULL, &err);
	const cJSON *archive = json_obj(v, "archive"), *snapshot;

	assert_non_null(v);
	assert_string_equal(json_str(json_obj(v, "request"), "name"), "c1");
	assert_true(json_bool(json_obj(v, "request"), "ephemeral", false));
	assert_string_equal(json_str(archive, "shift"), "100000:0:65536");
	snapshot = json_arr(archive, "snapshots")->child;
	assert_string_equal(json_str(snapshot, "name"), "s1");
	assert_string_equal(json_str(snapshot, "created_at"), "2026-11-22T01:02:03Z");
	assert_null(json_str(json_obj(snapshot, "config"), "volatile.x"));
}

static void test_name_and_no_shift(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = read_text("{\"name\":\"c1\",\"config\":{\"container\":{\"config\":{\"volatile.last_state.idmap\":\"[]\"}}}}", "c2",
				       &err);

	assert_non_null(v);
	assert_string_equal(json_str(json_obj(v, "request"), "name"), "c2");
	assert_null(json_str(json_obj(v, "archive"), "shift"));
}

static void test_streams(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = read_text("{\"name\":\"c1\",\"backend\":\"btrfs\",\"optimized\":\"true\",\"header\":{\"subvolumes\":[{\"path\":"
				       "\"/\"}]},\"config\":{\"container\":{}}}", NULL, &err);
	const cJSON *archive = json_obj(v, "archive");

	assert_true(json_bool(archive, "streams", false));
	assert_int_equal(import_check_driver(archive, "btrfs", &err), 0);
	assert_int_equal(import_check_driver(archive, "dir", &err), -1);
	assert_string_equal(err.msg, "Optimized backup storage driver \"btrfs\" differs from the target storage pool driver \"dir\"");
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"config\":{}}",
		"{\"type\":\"virtual-machine\",\"config\":{\"container\":{}}}",
		"{\"optimized\":\"true\",\"header\":{\"subvolumes\":[{\"path\":\"/\"},{\"path\":\"/x\"}]},\"config\":{\"container\":{}}}",
		"{\"config\":{\"container\":{\"config\":[]}}}",
		"{\"config\":{\"container\":{\"config\":{\"a\":{}}}}}",
		"{\"config\":{\"container\":{\"devices\":{\"a\":\"b\"}}}}",
		"{\"config\":{\"container\":{\"profiles\":[[]]}}}",
		"{\"config\":{\"container\":{\"config\":{\"volatile.last_state.idmap\":\"{\"}}}}",
		"{\"config\":{\"container\":{\"config\":{\"volatile.last_state.idmap\":\"[{\\\"Isuid\\\":true}]\"}}}}",
		("{\"config\":{\"container\":{\"config\":{\"volatile.last_state.idmap\":\"[{\\\"Isuid\\\":true,\\\"Isgid\\\":true,\\\"Hostid\\\":-1,"
		 "\\\"Nsid\\\":0,\\\"Maprange\\\":1}]\"}}}}"),
		"{\"snapshots\":[\"a\"],\"config\":{\"container\":{}}}",
		"{\"config\":{\"container\":{},\"snapshots\":[{\"name\":\"../../x\"}]}}",
		"{\"config\":{\"container\":{},\"snapshots\":[{\"name\":\"a\"},{\"name\":\"a\"}]}}",
		"{\"config\":{\"container\":{},\"snapshots\":[7]}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		assert_null(read_text(bad[i], NULL, &err));
		assert_int_not_equal(err.code, ERROR_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_name_and_no_shift),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
