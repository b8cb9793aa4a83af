/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/raw_idmap.h"

static struct raw_idmap raw;

/* The map as lxc.idmap has it: "0 1000000 1000;1000 1000 1;…". */
static void expect_map(const char *text, bool groups, const char *want)
{
	AUTO_STRBUF struct strbuf got = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct id_extents map;

	assert_int_equal(raw_idmap_parse(text, &raw, &err), 0);
	assert_int_equal(raw_idmap_extents(&raw, 1000000, 65536, groups, &map, &err), 0);
	for (size_t i = 0; i < map.n; i++)
		strbuf_addf(&got, "%s%u %u %u", i > 0 ? ";" : "", map.v[i].ns, map.v[i].host, map.v[i].len);
	assert_string_equal(got.buf, want);
}

/* What LXD 5.0.2 makes of the same lines (volatile.idmap.next). */
static void punched(void **state)
{
	expect_map("", false, "0 1000000 65536");
	expect_map("both 1000 1000", false, "0 1000000 1000;1000 1000 1;1001 1001001 64535");
	expect_map("both 1000 1000\n", true, "0 1000000 1000;1000 1000 1;1001 1001001 64535");
	expect_map("uid 1000 1000", true, "0 1000000 65536");
	expect_map("uid 500-509 0-9\n\ngid 7 65535", false, "0 500 10;10 1000010 65526");
	expect_map("uid 500-509 0-9\n\ngid 7 65535", true, "0 1000000 65535;65535 7 1");
	/* the later line takes its part of the one before */
	expect_map("both 1000-1010 1000-1010\nboth 3005 1005", false,
		   "0 1000000 1000;1000 1000 5;1005 3005 1;1006 1006 5;1011 1001011 64525");
	expect_map("both 5 1000\nboth 6 1000", false, "0 1000000 1000;1000 6 1;1001 1001001 64535");
	expect_map("uid 9 70000", false, "0 1000000 65536;70000 9 1");
	expect_map("both 20-29 0-9\nboth 30-39 5-14", false, "0 20 5;5 30 10;15 1000015 65521");
}

static void bad(void **state)
{
	static const char *const cases[][2] = {
		{ "both 1000", "Failed to get ID map: Invalid ID map line \"both 1000\"" },
		{ "foo 1000 1000", "Failed to get ID map: Invalid ID map type \"foo 1000 1000\"" },
		{ "both 1000 1000 ", "Invalid ID map line \"both 1000 1000 \"" },
		{ " both 1000 1000", "Invalid ID map line" },
		{ "both  1000 1000", "Invalid ID map line" },
		{ "both\t1000 1000", "Invalid ID map line \"both?1000 1000\"" },
		{ "uid 1 1,gid 1 1", "Invalid ID map line" },
		{ "both 1000 1000\r", "Invalid ID Map range \"1000?\"" },
		{ "both a 1000", "not \"a\"" },
		{ "both -1 1000", "not \"-1\"" },
		{ "both 1000 ", "not \"\"" },
		{ "both 1000- 1000", "not \"1000-\"" },
		{ "both +5 6", "not \"+5\"" },
		{ "both 1000-1005 1000", "The ID map ranges are of different sizes \"both 1000-1005 1000\"" },
		{ "both 1000-1005-9 1000", "Invalid ID Map range \"1000-1005-9\"" },
		{ "both 1005-1000 1005-1000", "ends before it begins: \"1005-1000\"" },
		{ "both 4294967295 1000", "not \"4294967295\"" },
		{ "both 1 99999999999999999999999", "not \"99999999999999999999999\"" },
		{ "both 0 0", "The host's root cannot be mapped" },
		{ "gid 0-5 0-5", "The host's root cannot be mapped" },
		{ "both 1000 1000\nboth 1000 1001", "Host id is in the range of subids: 1000" },
		{ "both 1000-1010 1000-1010\nboth 1005 1006", "Host id is in the range of subids: 1005" },
		{ "b", "Invalid ID map line \"b\"" },
	};
	AUTO_STRBUF struct strbuf many = STRBUF_INIT;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error_clear(&err);
		assert_int_equal(raw_idmap_parse(cases[i][0], &raw, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		if (strstr(err.msg, cases[i][1]) == NULL)
			fail_msg("'%s': %s", cases[i][0], err.msg);
	}
	for (int i = 0; i < RAW_IDMAP_MAX + 1; i++)
		strbuf_addf(&many, "%suid %d %d", i > 0 ? "\n" : "", 1000 + 2 * i, 2 * i + 1);
	error_clear(&err);
	assert_int_equal(raw_idmap_parse(many.buf, &raw, &err), -1);
	assert_non_null(strstr(err.msg, "Too many lines: at most 48"));
}

/* The most that there can be fits, also into what the kernel takes at once. */
static void most(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct id_extents map;

	for (unsigned i = 0; i < RAW_IDMAP_MAX; i++)
		strbuf_addf(&text, "uid %u %u\n", 4294967200u + i, 2 * i + 1);
	assert_int_equal(raw_idmap_parse(text.buf, &raw, &err), 0);
	assert_int_equal(raw_idmap_extents(&raw, 4000000000u, 65536, false, &map, &err), 0);
	assert_int_equal(map.n, 2 * RAW_IDMAP_MAX + 1);
	assert_true(map.n < sizeof(map.v) / sizeof(map.v[0]));
	assert_true((map.n + 1) * 33 < 4096);
}

static void word(void **state)
{
	static const char *const refused[] = { "b", "b1", "b1:2", "b1:2:", "b1:2:0", "x1:2:3", "b1:2:3,", ",b1:2:3", "b1:2:3;", "b1:2:3 ",
					       "b0:2:3", "b4294967294:1:2", "b1:4294967294:2", "b1:2:3,u1:9:1", "-", "b1:2:3,,u9:9:1" };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct raw_idmap again;

	assert_int_equal(raw_idmap_parse("both 1000 1000\nuid 5-14 6-15\ngid 7 8", &raw, &err), 0);
	raw_idmap_print(&raw, &text);
	assert_string_equal(text.buf, "b1000:1000:1,u5:6:10,g7:8:1");
	assert_int_equal(raw_idmap_scan(text.buf, &again, &err), 0);
	assert_int_equal(again.n, 3);
	assert_memory_equal(&again.v, &raw.v, 3 * sizeof(raw.v[0]));
	assert_int_equal(raw_idmap_scan("", &again, &err), 0);
	assert_int_equal(again.n, 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		error_clear(&err);
		if (raw_idmap_scan(refused[i], &again, &err) == 0)
			fail_msg("'%s' was taken", refused[i]);
	}
}

static void find(void **state)
{
	struct error err = ERROR_INIT;
	struct id_extents map;
	uint32_t id = 0;

	assert_int_equal(raw_idmap_parse("both 500 1000", &raw, &err), 0);
	assert_int_equal(raw_idmap_extents(&raw, 1000000, 65536, false, &map, &err), 0);
	assert_true(id_extents_find(&map, 999, &id));
	assert_int_equal(id, 1000999);
	assert_true(id_extents_find(&map, 1000, &id));
	assert_int_equal(id, 500);
	assert_true(id_extents_find(&map, 65535, &id));
	assert_int_equal(id, 1065535);
	assert_false(id_extents_find(&map, 65536, &id));
	/* a host's id of the range itself */
	assert_int_equal(raw_idmap_parse("both 1000005 6", &raw, &err), 0);
	assert_int_equal(raw_idmap_extents(&raw, 1000000, 65536, false, &map, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(punched), cmocka_unit_test(bad),  cmocka_unit_test(most),
		cmocka_unit_test(word),	   cmocka_unit_test(find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
