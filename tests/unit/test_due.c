/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "image/due.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define DAY 86400

static bool expired(const char *image, int days)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse(image, strlen(image), &err);

	assert_non_null(v);
	return image_cache_expired(v, NOW, days);
}

static void test_only_cached_ones_that_nobody_used(void **state)
{
	static const char old[] = "{\"cached\":true,\"uploaded_at\":\"2026-12-01T00:00:00Z\",\"last_used_at\":\"2027-01-01T00:00:00Z\"}";

	assert_true(expired(old, 10));
	assert_false(expired(old, 15));
	assert_false(expired(old, 0));
	assert_false(expired("{\"cached\":false,\"uploaded_at\":\"2020-12-01T00:00:00Z\",\"last_used_at\":\"2021-01-01T00:00:00Z\"}", 10));
	/* never used: since it came */
	assert_true(expired("{\"cached\":true,\"uploaded_at\":\"2027-01-01T00:00:00Z\",\"last_used_at\":\"0001-01-01T00:00:00Z\"}", 10));
	assert_false(expired("{\"cached\":true,\"uploaded_at\":\"2027-01-14T00:00:00Z\",\"last_used_at\":\"0001-01-01T00:00:00Z\"}", 10));
	/* nothing is deleted for want of a date */
	assert_false(expired("{\"cached\":true,\"uploaded_at\":\"soon\"}", 10));
}

static void test_updates(void **state)
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	int hour, n = 0;

	assert_false(image_wants_update(v));
	json_set_bool(v, "auto_update", true);
	assert_false(image_wants_update(v));
	cJSON_AddObjectToObject(v, "update_source");
	assert_true(image_wants_update(v));
	for (hour = 0; hour < 24; hour++)
		n += image_update_due(NOW + hour * 3600, 6);
	assert_int_equal(n, 4);
	assert_false(image_update_due(NOW, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_cached_ones_that_nobody_used),
		cmocka_unit_test(test_updates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
