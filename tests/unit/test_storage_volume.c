/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/storage.h"

static void test_names(void **state)
{
	static const struct {
		const char *volume, *name, *path;
	} rows[] = {
		{ "data", "p/custom/data", "/1.0/storage-pools/p/volumes/custom/data" },
		{ "custom/data", "p/custom/data", "/1.0/storage-pools/p/volumes/custom/data" },
		{ "container/c1", "p/container/c1", "/1.0/storage-pools/p/volumes/container/c1" },
		{ "a b", "p/custom/a b", "/1.0/storage-pools/p/volumes/custom/a%20b" },
		{ "data/s 1", "p/custom/data/s 1", "/1.0/storage-pools/p/volumes/custom/data/snapshots/s%201" },
		{ "custom/d/s", "p/custom/d/s", "/1.0/storage-pools/p/volumes/custom/d/snapshots/s" },
	};
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct object_kind *kind = NULL;
		AUTO_FREE char *name = volume_object_name("p", rows[i].volume, &kind, &err);
		AUTO_OBJECT struct object o = { 0 };

		assert_non_null(name);
		assert_string_equal(name, rows[i].name);
		assert_ptr_equal(kind, strstr(rows[i].path, "/snapshots/") ? &object_volume_snapshot : &object_volume);
		object_init(&o, kind, name);
		assert_string_equal(o.path, rows[i].path);
	}
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = { "", "/", "custom/", "/a", "a/", "a/b/c", "container//a", "custom/a/" };
	static const char *const places[] = { "p", "p/", "/v", "", "p/v/" };
	const struct object_kind *kind = NULL;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_null(volume_object_name("p", wrong[i], &kind, &err));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_null(volume_object_place(places[i], &kind, &err));
	assert_null(volume_object_name("", "v", &kind, &err));
	assert_null(volume_object_name("a/b", "v", &kind, &err));
}

static void test_places(void **state)
{
	const struct object_kind *kind = NULL;
	struct error err = ERROR_INIT;
	AUTO_FREE char *volume = volume_object_place("local:p/v", &kind, &err);
	AUTO_FREE char *snapshot = volume_object_place("p/v/s", &kind, &err);

	assert_string_equal(volume, "p/custom/v");
	assert_string_equal(snapshot, "p/custom/v/s");
	assert_ptr_equal(kind, &object_volume_snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_wrong),
					    cmocka_unit_test(test_places) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
