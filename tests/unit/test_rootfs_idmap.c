/* SPDX-License-Identifier: MIT */
/* helper/rootfs_idmap.c: what needs no mounts; the rest is in tests/bats/80-rootfs.bats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helper/rootfs_idmap.h"

static void parse_good(void **state)
{
	struct error err = ERROR_INIT;
	struct idmap map;

	assert_int_equal(idmap_parse("1000000:65536", &map, &err), 0);
	assert_int_equal(map.base, 1000000);
	assert_int_equal(map.size, 65536);
	assert_int_equal(idmap_parse("0:1", &map, &err), 0);
	assert_int_equal(map.base, 0);
	assert_int_equal(map.size, 1);
	assert_int_equal(idmap_parse("4294901759:65536", &map, &err), 0);
	assert_int_equal(idmap_parse("none", &map, &err), 0);
	assert_int_equal(map.size, 0);
}

static void parse_bad(void **state)
{
	static const char *const bad[] = {
		"",	    ":",	 "1",	      "1:",	     ":1",	   "1:0",   "-1:5", "1:-5", " 1:5", "1: 5",
		"1:5 ",	    "1:5:6",	 "x:5",	      "1:x",	     "None",	   "none ", "0x1:5", "+1:5", "1.5:2",
		"4294967296:1", "1:4294967296", "4294967295:1", "4294901761:65536", "99999999999999999999:1", "1:1\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;
		struct idmap map;

		if (idmap_parse(bad[i], &map, &err) != -1)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_true(err.msg[0] != 0);
	}
}

static void shift(void **state)
{
	const struct idmap map = { .base = 1000000, .size = 10 }, none = { 0 };
	uint32_t id = 7;

	assert_int_equal(idmap_shift(&map, 0, &id), 0);
	assert_int_equal(id, 1000000);
	assert_int_equal(idmap_shift(&map, 9, &id), 0);
	assert_int_equal(id, 1000009);
	assert_int_equal(idmap_shift(&map, 10, &id), -1);
	assert_int_equal(idmap_shift(&map, UINT32_MAX, &id), -1);
	assert_int_equal(id, 1000009);
	assert_int_equal(idmap_shift(&none, 4000000000u, &id), 0);
	assert_true(id == 4000000000u);
}

static void between(void **state)
{
	const struct idmap none = { 0 }, a = { .base = 1000000, .size = 10 }, b = { .base = 3000000, .size = 8 };
	struct idmap map = idmap_between(&a, &none);
	uint32_t id = 7;

	assert_int_equal(idmap_shift(&map, 1000009, &id), 0);
	assert_int_equal(id, 9);
	assert_int_equal(idmap_shift(&map, 1000010, &id), -1);
	assert_int_equal(idmap_shift(&map, 999999, &id), -1);
	map = idmap_between(&a, &b);
	assert_int_equal(idmap_shift(&map, 1000007, &id), 0);
	assert_int_equal(id, 3000007);
	assert_int_equal(idmap_shift(&map, 1000008, &id), -1);
	map = idmap_between(&none, &b);
	assert_int_equal(idmap_shift(&map, 7, &id), 0);
	assert_int_equal(id, 3000007);
	assert_int_equal(idmap_shift(&map, 8, &id), -1);
	map = idmap_between(&none, &none);
	assert_int_equal(idmap_shift(&map, UINT32_MAX, &id), 0);
	assert_true(id == UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_good),
		cmocka_unit_test(parse_bad),
		cmocka_unit_test(shift),
		cmocka_unit_test(between),
	};

	return cmocka_run_group_tests_name("rootfs_idmap", tests, NULL, NULL);
}
