/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "image/metadata.h"

static cJSON *parse(const char *text, struct error *err)
{
	return metadata_parse(text, strlen(text), err);
}

static void refused(const char *text, const char *why)
{
	struct error err = ERROR_INIT;
	cJSON *v = parse(text, &err);

	if (v)
		fail_msg("accepted: %s", text);
	if (!strstr(err.msg, why))
		fail_msg("'%s' lacks '%s'", err.msg, why);
}

static void test_as_distrobuilder_writes_it(void **state)
{
	static const char text[] =
		"architecture: arm64\n"
		"creation_date: 1700000000\n"
		"expiry_date: 1800000000\n"
		"properties:\n"
		"  os: Debian\n"
		"  release: 12\n"
		"  serial: \"20260101_05:24\"\n"
		"  variant: ~\n"
		"templates:\n"
		"  /etc/hostname:\n"
		"    when:\n"
		"    - create\n"
		"    - copy\n"
		"    create_only: true\n"
		"    template: hostname.tpl\n"
		"    properties:\n"
		"      default: x\n"
		"unknown: [1, {a: b}]\n";
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = parse(text, &err);
	cJSON *properties, *t;

	assert_non_null(v);
	assert_string_equal(json_str(v, "architecture"), "aarch64");
	assert_int_equal(json_int(v, "creation_date", 0), 1700000000);
	assert_int_equal(json_int(v, "expiry_date", 0), 1800000000);
	properties = json_obj(v, "properties");
	assert_string_equal(json_str(properties, "release"), "12");
	assert_string_equal(json_str(properties, "serial"), "20260101_05:24");
	assert_string_equal(json_str(properties, "variant"), "");
	t = json_obj(json_obj(v, "templates"), "/etc/hostname");
	assert_true(json_bool(t, "create_only", false));
	assert_int_equal(cJSON_GetArraySize(json_arr(t, "when")), 2);
	assert_null(cJSON_GetObjectItemCaseSensitive(v, "unknown"));
}

static void test_hostile_yaml(void **state)
{
	AUTO_STRBUF struct strbuf deep = STRBUF_INIT, many = STRBUF_INIT;
	int i;

	refused("", "no mapping");
	refused("- a list\n", "no mapping");
	refused("just text", "no mapping");
	refused("a: &x [1]\nb: *x\n", "aliases are refused");
	refused("a: 1\na: 2\n", "twice");
	refused("? [complex]\n: key\n", "no string");
	refused("a: [1, 2\n", "line");
	refused("a: \xff\xfe\n", "line");
	refused("creation_date: yesterday\n", "creation_date is no time");
	refused("creation_date: -5\n", "creation_date is no time");
	refused("creation_date: {}\n", "creation_date is no time");
	refused("properties: {a: [b]}\n", "more than strings");
	refused("templates: {a: b}\n", "a template is no mapping");
	refused("templates: {a: {create_only: maybe}}\n", "create_only");
	strbuf_addstr(&deep, "a: ");
	for (i = 0; i < 100; i++)
		strbuf_addch(&deep, '[');
	for (i = 0; i < 100; i++)
		strbuf_addch(&deep, ']');
	refused(deep.buf, "nested too deep");
	for (i = 0; i < 20000; i++)
		strbuf_addf(&many, "k%d: v\n", i);
	refused(many.buf, "too many values");
	strbuf_reset(&many);
	while (many.len <= METADATA_SIZE_MAX)
		strbuf_addstr(&many, "# a long comment that says nothing\n");
	refused(many.buf, "too long");
}

static void test_os_release(void **state)
{
	static const char text[] =
	    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\r\nVERSION_ID='12'\n# no\nA B=c\n"
	    "=x\nQUOTED=\"a \\\"b\\\" \\$c\"\nCONTROL=a\033b\nHIGH=\xff\nLAST=end";
	AUTO_JSON cJSON *v = os_release_parse(text, sizeof(text) - 1);

	assert_string_equal(json_str(v, "pretty_name"), "Debian GNU/Linux 12 (bookworm)");
	assert_string_equal(json_str(v, "id"), "debian");
	assert_string_equal(json_str(v, "version_id"), "12");
	assert_string_equal(json_str(v, "quoted"), "a \"b\" $c");
	assert_string_equal(json_str(v, "control"), "ab");
	assert_string_equal(json_str(v, "high"), "?");
	assert_string_equal(json_str(v, "last"), "end");
	assert_int_equal(cJSON_GetArraySize(v), 7);
}

static void test_architectures(void **state)
{
	unsigned char head[20] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	head[18] = 62;
	assert_string_equal(architecture_of_elf(head, 20), "x86_64");
	assert_null(architecture_of_elf(head, 19));
	head[5] = 2; /* big endian now */
	assert_null(architecture_of_elf(head, 20));
	head[18] = 0;
	head[19] = 22;
	assert_string_equal(architecture_of_elf(head, 20), "s390x");
	assert_null(architecture_of_elf((const unsigned char *)"#!/bin/sh -e and more of it", 20));
	assert_string_equal(architecture_name("armhf"), "armv7l");
	assert_string_equal(architecture_name("x86_64"), "x86_64");
	assert_string_equal(architecture_name("vax"), "vax");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_distrobuilder_writes_it),
		cmocka_unit_test(test_hostile_yaml),
		cmocka_unit_test(test_os_release),
		cmocka_unit_test(test_architectures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
