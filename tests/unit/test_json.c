/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/strbuf.h"

static cJSON *parse(const char *text)
{
	struct error err = ERROR_INIT;
	cJSON *v = json_parse(text, strlen(text), &err);

	if (!v)
		print_error("%s: %s\n", text, err.msg);
	assert_non_null(v);
	return v;
}

/* Parses and prints again. */
static void check_text(const char *text, const char *want)
{
	AUTO_JSON cJSON *v = parse(text);
	AUTO_FREE char *got = json_text(v);

	assert_string_equal(got, want);
}

static void accepts_what_rfc_8259_accepts(void **state)
{
	check_text("{}", "{}");
	check_text(" [ ] \r\n", "[]");
	check_text("\"x\"", "\"x\"");
	check_text("0", "0");
	check_text("-0.5e+1", "-5");
	check_text("[1,2.5,-3,1e3,true,false,null]", "[1,2.5,-3,1000,true,false,null]");
	check_text("{\"a\":{\"a\":{\"b\":[{}]}},\"b\":\"\"}", "{\"a\":{\"a\":{\"b\":[{}]}},\"b\":\"\"}");
	check_text("\"\\u00e4\\n\\/\\\"\\\\\\b\\f\\r\\t\"", "\"\xc3\xa4\\n/\\\"\\\\\\b\\f\\r\\t\"");
	check_text("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
	check_text("\"\xe2\x82\xac\x7f\"", "\"\xe2\x82\xac\x7f\"");
	check_text("{\"\":1}", "{\"\":1}");
	check_text("[\"\\u001f\"]", "[\"\\u001f\"]");
}

static void refuses_bad_text_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "", "at byte 0: a value" },
		{ "   ", "at byte 3: a value" },
		{ "{", "at byte 1: a member name" },
		{ "[1,]", "at byte 3: a value" },
		{ "{\"a\":1,}", "at byte 7: a member name" },
		{ "{\"a\" 1}", "at byte 5: ':'" },
		{ "{a:1}", "at byte 1: a member name" },
		{ "[1 2]", "at byte 3: ',' or ']'" },
		{ "{\"a\":1]", "at byte 6: ',' or '}'" },
		{ "[1", "at byte 2: the text ends early" },
		{ "1 2", "at byte 2: there is text after" },
		{ "{}x", "at byte 2: there is text after" },
		{ "nul", "at byte 0: a value" },
		{ "truex", "at byte 4: there is text after" },
		{ "NaN", "at byte 0: a value" },
		{ "01", "at byte 0: a number must not start with 0" },
		{ "+1", "at byte 0: a value" },
		{ "-", "at byte 0: a value" },
		{ ".5", "at byte 0: a value" },
		{ "1.", "at byte 2: a digit" },
		{ "1e", "at byte 2: a digit" },
		{ "1e+", "at byte 3: a digit" },
		{ "1e999", "at byte 0: the number is too large" },
		{ "1e99999999999999999999", "at byte 0: the number is too large" },
		{ "0x10", "at byte 1: there is text after" },
		{ "\"a", "at byte 0: unterminated" },
		{ "\"a\\", "at byte 2: unknown escape" },
		{ "\"\\x41\"", "at byte 1: unknown escape" },
		{ "\"\\u12\"", "at byte 1: \\u needs" },
		{ "\"\\u12g4\"", "at byte 1: \\u needs" },
		{ "\"\\u0000\"", "at byte 1: a NUL" },
		{ "\"\\ud800\"", "at byte 1: unpaired surrogate" },
		{ "\"\\ud800\\u0041\"", "at byte 1: unpaired surrogate" },
		{ "\"\\udc00\"", "at byte 1: unpaired surrogate" },
		{ "\"a\nb\"", "at byte 2: control character" },
		{ "\"\x80\"", "at byte 1: text is not UTF-8" },
		{ "\"\xc0\x80\"", "at byte 1: text is not UTF-8" },
		{ "\"\xed\xa0\x80\"", "at byte 1: text is not UTF-8" },
		{ "\"\xf4\x90\x80\x80\"", "at byte 1: text is not UTF-8" },
		{ "\"\xe2\x82\"", "at byte 1: text is not UTF-8" },
		{ "\xef\xbb\xbf{}", "at byte 0: a value" },
		{ "{\"a\":1,\"a\":2}", "at byte 7: member 'a' is given twice" },
		{ "{\"a\":1,\"b\":{},\"\\u0061\":2}", "at byte 14: member 'a' is given twice" },
		{ "[{\"x\":{\"k\":1,\"k\":2}}]", "at byte 13: member 'k' is given twice" },
		{ "// comment\n1", "at byte 0: a value" },
		{ "'a'", "at byte 0: a value" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_INIT;

		assert_null(json_parse(cases[i].text, strlen(cases[i].text), &err));
		assert_int_equal(err.code, ERROR_INVALID);
		if (!strstr(err.msg, cases[i].message))
			fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, err.msg, cases[i].message);
	}
}

static void refuses_nul_bytes(void **state)
{
	static const char *const texts[] = { "1\0", "\"a\0b\"", "[\0]", "{\"a\0\":1}" };
	static const size_t lens[] = { 2, 5, 3, 8 };
	size_t i;

	for (i = 0; i < 4; i++) {
		struct error err = ERROR_INIT;

		assert_null(json_parse(texts[i], lens[i], &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

/* No text needs a NUL behind it. */
static void reads_no_byte_past_the_end(void **state)
{
	static const char full[] =
		"{\"k\\u00e4\":[1.5e3,true,\"\\ud83d\\ude00\xe2\x82\xac\",null,-2],\"l\":{}}";
	size_t n;

	for (n = 0; n < sizeof(full); n++) {
		struct error err = ERROR_INIT;
		char *exact = malloc(n ? n : 1);
		cJSON *v;

		memcpy(exact, full, n);
		v = json_parse(exact, n, &err);
		assert_true((v != NULL) == (n == sizeof(full) - 1));
		cJSON_Delete(v);
		free(exact);
	}
}

static void depth_has_a_limit(void **state)
{
	char text[4 * JSON_DEPTH_MAX];
	struct error err = ERROR_INIT;
	cJSON *v;

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	v = json_parse(text, (size_t)2 * JSON_DEPTH_MAX, &err);
	assert_non_null(v);
	cJSON_Delete(v);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_null(json_parse(text, (size_t)2 * JSON_DEPTH_MAX + 2, &err));
	assert_non_null(strstr(err.msg, "at byte 64: nested too deep"));
}

/* Quadratic work would take minutes here. */
static void large_texts_are_linear(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;
	int i;

	strbuf_addch(&text, '{');
	for (i = 0; i < 200000; i++)
		strbuf_addf(&text, "%s\"k\\u006%d-%d\":[%d]", i ? "," : "", i % 8, i, i);
	strbuf_addch(&text, '}');
	v = json_parse(text.buf, text.len, &err);
	assert_non_null(v);
	text.buf[text.len - 1] = ',';
	strbuf_addstr(&text, "\"k`-0\":1}");
	assert_null(json_parse(text.buf, text.len, &err));
	assert_non_null(strstr(err.msg, "member 'k`-0' is given twice"));
}

static void numbers_survive(void **state)
{
	static const char *const same[] = {
		"9007199254740992",
		"-9007199254740992",
		"1000000000000000",
		"1234567890123450",
		"0.1",
		"1e-07",
		"2147483648",
		"-1",
		"1.5e+307",
		"3.141592653589793",
		"100000",
	};
	AUTO_JSON cJSON *obj = cJSON_CreateObject();
	size_t i;

	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		check_text(same[i], same[i]);
	json_set_int(obj, "n", 1234567890123450);
	assert_int_equal(json_int(obj, "n", 0), 1234567890123450);
	json_set(obj, "n", cJSON_CreateNumber((double)INFINITY));
	assert_int_equal(json_int(obj, "n", -7), -7);
	json_set(obj, "n", cJSON_CreateNumber(1.5));
	assert_int_equal(json_int(obj, "n", -7), -7);
	json_set(obj, "n", cJSON_CreateNumber(1e300));
	assert_int_equal(json_int(obj, "n", -7), -7);
}

static void accessors_check_types(void **state)
{
	AUTO_JSON cJSON *v = parse("{\"s\":\"x\",\"n\":5,\"b\":true,\"o\":{},\"a\":[],\"z\":null}");

	assert_string_equal(json_str(v, "s"), "x");
	assert_null(json_str(v, "S"));
	assert_null(json_str(v, "n"));
	assert_string_equal(json_str_or(v, "z", "def"), "def");
	assert_int_equal(json_int(v, "n", 1), 5);
	assert_int_equal(json_int(v, "s", 1), 1);
	assert_true(json_bool(v, "b", false));
	assert_true(json_bool(v, "n", true));
	assert_non_null(json_obj(v, "o"));
	assert_null(json_obj(v, "a"));
	assert_non_null(json_arr(v, "a"));
	assert_null(json_arr(v, "o"));
	assert_null(json_str(NULL, "s"));
	assert_null(json_obj(json_arr(v, "a"), "s"));
}

static void setters_replace_and_remove(void **state)
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	AUTO_FREE char *text = NULL;

	json_set_str(v, "a", "1");
	json_set_str(v, "A", "upper");
	json_set_strf(v, "b", "%d-%s", 2, "x");
	json_set_int(v, "c", 3);
	json_set_bool(v, "d", true);
	json_set_str(v, "a", "one");
	json_set_str(v, "b", NULL);
	json_set_str(v, "missing", NULL);
	json_set(v, "e", cJSON_CreateArray());
	json_set_int(v, v->child->string, 9);
	text = json_text(v);
	assert_string_equal(text, "{\"a\":9,\"A\":\"upper\",\"c\":3,\"d\":true,\"e\":[]}");
}

static void sorts_members_everywhere(void **state)
{
	AUTO_JSON cJSON *v =
		parse("{\"b\":[{\"z\":1,\"y\":2}],\"a\":{\"d\":1,\"c\":{\"f\":1,\"e\":2}},\"B\":0}");
	AUTO_FREE char *text = NULL, *more = NULL;

	json_sort(v);
	text = json_text(v);
	assert_string_equal(text,
			    "{\"B\":0,\"a\":{\"c\":{\"e\":2,\"f\":1},\"d\":1},\"b\":[{\"y\":2,\"z\":1}]}");
	/* the list stays one that cJSON can append to and detach from */
	json_set_int(v, "last", 1);
	json_set_str(v, "B", NULL);
	more = json_text(v);
	assert_string_equal(more,
			    "{\"a\":{\"c\":{\"e\":2,\"f\":1},\"d\":1},\"b\":[{\"y\":2,\"z\":1}],\"last\":1}");
	json_sort(NULL);
}

/* In whatever order they come; Debian 12's cJSON_InsertItemInArray() loses those that belong between others. */
static void inserts_each_at_its_place(void **state)
{
	static const char *const orders[] = { "abcd", "dcba", "adbc", "bdac", "cadb", "dabc", "acbd", "cbda" };

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		AUTO_JSON cJSON *list = cJSON_CreateArray();
		AUTO_FREE char *text = NULL;

		for (const char *c = orders[i]; *c; c++) {
			cJSON *item = cJSON_CreateObject();

			json_set_strf(item, "k", "%c", *c);
			json_insert_by(list, "k", item);
		}
		cJSON_Delete(cJSON_DetachItemFromArray(list, 1));
		json_insert_by(list, "k", parse("{\"k\":\"c\",\"n\":2}"));
		text = json_text(list);
		assert_string_equal(text, "[{\"k\":\"a\"},{\"k\":\"c\"},{\"k\":\"c\",\"n\":2},{\"k\":\"d\"}]");
	}
}

static void setting_in_nothing_loses_nothing(void **state)
{
	json_set_str(NULL, "k", "text");
	json_set_str(NULL, "k", NULL);
}

static void prints_hostile_strings_as_json(void **state)
{
	AUTO_JSON cJSON *v = cJSON_CreateArray(), *again = NULL;
	AUTO_FREE char *text = NULL;

	cJSON_AddItemToArray(v, cJSON_CreateString("a\xff\xc3(\x01\x1b[31m\"\\"));
	cJSON_AddItemToArray(v, cJSON_CreateString("\xe2\x82"));
	text = json_text(v);
	assert_string_equal(
		text,
		"[\"a\xef\xbf\xbd\xef\xbf\xbd(\\u0001\\u001b[31m\\\"\\\\\",\"\xef\xbf\xbd\xef\xbf\xbd\"]");
	again = parse(text);
	assert_int_equal(cJSON_GetArraySize(again), 2);
}

static void files_come_back_as_written(void **state)
{
	AUTO_JSON cJSON *v = parse("{\"a\":[1,{\"b\":\"\xc3\xa4\"}],\"c\":{}}"), *again = NULL;
	char path[] = "/tmp/berth-test-json-XXXXXX", file[64];
	struct error err = ERROR_INIT;
	struct stat st;

	assert_non_null(mkdtemp(path));
	snprintf(file, sizeof(file), "%s/x.json", path);
	assert_null(json_read_file(file, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(json_write_file(file, v, JSON_DURABLE, &err), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	again = json_read_file(file, &err);
	assert_true(cJSON_Compare(v, again, true));
	assert_int_equal(truncate(file, 10), 0);
	assert_null(json_read_file(file, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.msg, file));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_rfc_8259_accepts),
		cmocka_unit_test(refuses_bad_text_with_its_place),
		cmocka_unit_test(refuses_nul_bytes),
		cmocka_unit_test(reads_no_byte_past_the_end),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(large_texts_are_linear),
		cmocka_unit_test(numbers_survive),
		cmocka_unit_test(accessors_check_types),
		cmocka_unit_test(setters_replace_and_remove),
		cmocka_unit_test(sorts_members_everywhere),
		cmocka_unit_test(inserts_each_at_its_place),
		cmocka_unit_test(setting_in_nothing_loses_nothing),
		cmocka_unit_test(prints_hostile_strings_as_json),
		cmocka_unit_test(files_come_back_as_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
