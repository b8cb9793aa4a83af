/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/ident.h"
#include "base/strmap.h"

static void uuids_are_version_4(void **state)
{
	struct strmap *seen = strmap_new(NULL);
	char uuid[UUID_TEXT_SIZE];
	int i, j;

	for (i = 0; i < 1000; i++) {
		ident_uuid(uuid);
		assert_int_equal(strlen(uuid), 36);
		for (j = 0; j < 36; j++) {
			if (j == 8 || j == 13 || j == 18 || j == 23)
				assert_int_equal(uuid[j], '-');
			else
				assert_non_null(strchr("0123456789abcdef", uuid[j]));
		}
		assert_int_equal(uuid[14], '4');
		assert_non_null(strchr("89ab", uuid[19]));
		assert_null(strmap_get(seen, uuid));
		strmap_put(seen, uuid, seen);
	}
	strmap_free(seen);
}

static void hex_has_the_length_asked_for(void **state)
{
	char out[2 * 200 + 2], again[65];

	memset(out, 'x', sizeof(out));
	ident_random_hex(out, 200);
	assert_int_equal(strlen(out), 400);
	assert_int_equal(out[401], 'x');
	assert_int_equal(strspn(out, "0123456789abcdef"), 400);
	ident_random_hex(out, 32);
	ident_random_hex(again, 32);
	assert_int_equal(strlen(out), 64);
	assert_string_not_equal(out, again);
	ident_random_hex(out, 0);
	assert_string_equal(out, "");
}

static void times_are_rfc_3339(void **state)
{
	char out[TIME_TEXT_SIZE], now[TIME_TEXT_SIZE];

	time_rfc3339((struct timespec){ 0, 0 }, out);
	assert_string_equal(out, "1970-01-01T00:00:00.000000000Z");
	time_rfc3339((struct timespec){ 1795312861, 123456789 }, out);
	assert_string_equal(out, "2026-11-22T02:01:01.123456789Z");
	time_rfc3339((struct timespec){ -62135596800, 0 }, out);
	assert_string_equal(out, "0001-01-01T00:00:00.000000000Z");
	time_rfc3339((struct timespec){ INT64_MAX, 0 }, out);
	assert_string_equal(out, TIME_UNSET);
	time_rfc3339((struct timespec){ 253402300800, 0 }, out); /* year 10000 */
	assert_string_equal(out, TIME_UNSET);
	time_now(now);
	assert_int_equal(strlen(now), 30);
	assert_true(strcmp(now, "2020") > 0);
}

static void digests_match_fips_180(void **state)
{
	struct digest *d = digest_new();
	char out[SHA256_TEXT_SIZE];
	int i;

	digest_finish(d, out);
	assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	d = digest_new();
	digest_update(d, "a", 1);
	digest_update(d, "bc", 2);
	digest_finish(d, out);
	assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	d = digest_new();
	for (i = 0; i < 1000000; i++)
		digest_update(d, "a", 1);
	digest_finish(d, out);
	assert_string_equal(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	digest_drop(digest_new());
	digest_drop(NULL);
}

static void times(void **state)
{
	static const struct {
		const char *text;
		time_t t;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-22T09:30:00Z", 1795339800 },
		{ "2026-11-22T09:30:00.987654321Z", 1795339800 },
		{ "2026-11-22T10:30:00+01:00", 1795339800 },
		{ "2026-11-22T06:00:00.5-03:30", 1795339800 },
		{ TIME_UNSET, -62135596800 },
	};
	static const char *const bad[] = { "", "2026-11-22", "2026-11-22 09:30:00Z", "2026-11-22T09:30:00", "2026-02-30T09:30:00Z",
					   "2026-11-22T25:30:00Z", "2026-11-22T09:30:00.Z", "2026-11-22T09:30:00+1:00",
					   "2026-11-22T09:30:00Zx", "tomorrow", "2026-11-22T09:30:00+24:00", NULL };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		time_t t = 1;

		assert_int_equal(time_parse(good[i].text, &t), 0);
		assert_int_equal(t, good[i].t);
	}
	for (const char *const *b = bad; *b != NULL; b++) {
		time_t t = 1;

		if (time_parse(*b, &t) == 0)
			fail_msg("'%s' was accepted", *b);
		assert_int_equal(t, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(uuids_are_version_4),
		cmocka_unit_test(hex_has_the_length_asked_for),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(digests_match_fips_180),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
