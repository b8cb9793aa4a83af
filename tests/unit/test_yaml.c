/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"

static char *print(const cJSON *v)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(yaml_print(v, f, &err), 0);
	fclose(f);
	return text;
}

static void expect_print(const char *json, const char *yaml)
{
	AUTO_JSON cJSON *v = cJSON_Parse(json);
	AUTO_FREE char *text = NULL;

	assert_non_null(v);
	text = print(v);
	assert_string_equal(text, yaml);
}

static void expect_parse(const char *yaml, const char *json)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = yaml_parse(yaml, strlen(yaml), &err);
	AUTO_FREE char *text = v ? json_text(v) : NULL;

	if (!v)
		fail_msg("%s: %s", yaml, err.msg);
	assert_string_equal(text, json);
}

static void expect_refusal(const char *yaml, size_t len, const char *why)
{
	struct error err = ERROR_INIT;

	assert_null(yaml_parse(yaml, len ? len : strlen(yaml), &err));
	assert_int_equal(err.code, ERROR_INVALID);
	if (!strstr(err.msg, why))
		fail_msg("'%s' does not say '%s'", err.msg, why);
}

/* The shape that `lxc config show` has. */
static void test_print_shape(void **state)
{
	expect_print(
	    "{\"name\":\"c1\",\"config\":{\"limits.cpu\":\"1\",\"user.a\":\"x y\"},\"devices\":{},"
	    "\"profiles\":[\"default\",\"p2\"],\"list\":[],\"num\":12,\"f\":1.5,\"b\":false,\"z\":null,"
	    "\"snapshots\":[{\"name\":\"s0\",\"x\":1}]}",
	    "name: c1\nconfig:\n  limits.cpu: \"1\"\n  user.a: x y\ndevices: {}\nprofiles:\n- default\n- p2\n"
	    "list: []\nnum: 12\nf: 1.5\nb: false\nz: null\nsnapshots:\n- name: s0\n  x: 1\n");
}

static void test_print_scalars(void **state)
{
	expect_print("\"2026-11-22T01:02:29Z\"", "2026-11-22T01:02:29Z\n");
	expect_print("\"00:16:3e:11:89:f5\"", "00:16:3e:11:89:f5\n");
	expect_print("\"10.0.3.1/24\"", "10.0.3.1/24\n");
	expect_print("\"1.35\"", "\"1.35\"\n");
	expect_print("\"true\"", "\"true\"\n");
	expect_print("\"No\"", "\"No\"\n");
	expect_print("\"\"", "\"\"\n");
	expect_print("\"~\"", "\"~\"\n");
	expect_print("\"0x1f\"", "\"0x1f\"\n");
	expect_print("\"1e3\"", "\"1e3\"\n");
	expect_print("\"1:30\"", "\"1:30\"\n");
	expect_print("\"1_000\"", "\"1_000\"\n");
	expect_print("\"-\"", "'-'\n");
	expect_print("\"a: b\"", "'a: b'\n");
	expect_print("\" # x\"", "' # x'\n");
	expect_print("\"[1]\"", "'[1]'\n");
	expect_print("\"a\\nb\\n\"", "|\n  a\n  b\n");
	expect_print("1234567890123", "1234567890123\n");
	expect_print("0.1", "0.1\n");
}

static void test_print_control_characters(void **state)
{
	expect_print("\"a\\u001bb\"", "\"a\\eb\"\n");
	expect_print("\"\\u00e9\\u4e2d\"", "\xc3\xa9\xe4\xb8\xad\n");
}

static void test_parse(void **state)
{
	expect_parse("", "null");
	expect_parse("# only a comment\n", "null");
	expect_parse("a: 1\nb: -2.5\nc: true\nd:\ne: ~\nf: text here\ng: \"1\"\nh: '2'\n",
		     "{\"a\":1,\"b\":-2.5,\"c\":true,\"d\":null,\"e\":null,\"f\":\"text "
		     "here\",\"g\":\"1\",\"h\":\"2\"}");
	expect_parse("- a\n- [1, {x: y}]\n- |\n  l1\n  l2\n", "[\"a\",[1,{\"x\":\"y\"}],\"l1\\nl2\\n\"]");
	expect_parse(
	    "a: yes\nb: 0755\nc: 12345678901234567890\nd: 1.2.3\ne: 0x10\n",
	    "{\"a\":\"yes\",\"b\":\"0755\",\"c\":\"12345678901234567890\",\"d\":\"1.2.3\",\"e\":\"0x10\"}");
}

/* What the API wants as strings stays as it was written. */
static void test_parse_settings(void **state)
{
	expect_parse("config:\n  limits.cpu: 2\n  boot.autostart: true\n  user.v: 1.50\n  user.e:\n"
		     "devices:\n  eth0:\n    mtu: 1500\n    type: nic\nephemeral: false\n",
		     "{\"config\":{\"limits.cpu\":\"2\",\"boot.autostart\":\"true\",\"user.v\":\"1.50\","
		     "\"user.e\":\"\"},"
		     "\"devices\":{\"eth0\":{\"mtu\":\"1500\",\"type\":\"nic\"}},\"ephemeral\":false}");
	expect_parse("properties: {release: 12}\n", "{\"properties\":{\"release\":\"12\"}}");
	expect_parse("x:\n  config: {a: 1}\n", "{\"x\":{\"config\":{\"a\":1}}}");
}

static void test_parse_hostile(void **state)
{
	AUTO_STRBUF struct strbuf deep = STRBUF_INIT;

	for (int i = 0; i < 5000; i++)
		strbuf_addch(&deep, '[');
	expect_refusal(deep.buf, deep.len, "deep");
	expect_refusal("a: [", 0, "line");
	expect_refusal("a: b: c", 0, "line 1");
	expect_refusal("a: 1\na: 2\n", 0, "twice");
	expect_refusal("a: &x 1\nb: *x\n", 0, "aliases");
	expect_refusal("a: 1\n---\nb: 2\n", 0, "second document");
	expect_refusal("? [a]\n: b\n", 0, "key");
	expect_refusal("a: \"x\\0y\"\n", 0, "NUL");
	expect_refusal("a: \xff\xfe\n", 0, "");
	expect_refusal("\ta: 1\n", 0, "");
	expect_refusal("a: \x01\n", 0, "");
}

static void test_round_trip(void **state)
{
	static const char json[] =
	    "{\"config\":{\"a\":\"true\",\"b\":\"007\",\"c\":\"x\\ny\\n\",\"d\":\"  lead\",\"e\":\"'\\\"\","
	    "\"f\":\"\\u001b[31m\",\"g\":\"a\\n\\n  b\",\"h\":\"- x\",\"i\":\"\\ttab\"},\"n\":[1,null,true]}";
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = cJSON_Parse(json);
	AUTO_FREE char *text = print(v);
	AUTO_JSON cJSON *again = yaml_parse(text, strlen(text), &err);

	assert_non_null(again);
	assert_true(cJSON_Compare(v, again, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_shape),
		cmocka_unit_test(test_print_scalars),
		cmocka_unit_test(test_print_control_characters),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_settings),
		cmocka_unit_test(test_parse_hostile),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
