/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/template.h"

/* The result, or the error's message; caller frees. */
static char *render(const char *text, const char *context)
{
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *ctx = json_parse(context, strlen(context), &err);
	struct template *t;
	int rc = -1;

	if (!ctx)
		fail_msg("%s: %s", context, err.msg);
	strbuf_addstr(&out, "before|");
	t = template_parse("x.conf", text, strlen(text), &err);
	if (t)
		rc = template_render(t, ctx, &out, &err);
	template_free(t);
	if (rc < 0) {
		assert_int_equal(err.code, ERROR_INVALID);
		assert_string_equal(out.buf, "before|");
		strbuf_reset(&out);
		strbuf_addf(&out, "! %s", err.msg);
	} else {
		strbuf_drop_front(&out, strlen("before|"));
	}
	return strbuf_detach(&out);
}

struct example {
	const char *text, *context, *want;
};

static void check(const struct example *e, size_t n)
{
	for (; n--; e++) {
		AUTO_FREE char *got = render(e->text, e->context);

		if (strcmp(got, e->want) != 0)
			fail_msg("'%s' with %s gives '%s', not '%s'", e->text, e->context, got, e->want);
	}
}
#define CHECK(examples) check(examples, sizeof(examples) / sizeof((examples)[0]))

static void values(void **state)
{
	static const struct example examples[] = {
		{ "", "{}", "" },
		{ "no tags } } {\n", "{}", "no tags } } {\n" },
		{ "a={{a}}!", "{\"a\":\"x<&>\\\"'\"}", "a=x<&>\"'!" },
		{ "{{ a }}{{\ta}}", "{\"a\":1}", "11" },
		{ "{{n}} {{f}} {{b}} {{z}}", "{\"n\":12345678901,\"f\":0.5,\"b\":true,\"z\":null}",
		  "12345678901 0.5 true " },
		{ "{{a.b.c}}", "{\"a\":{\"b\":{\"c\":1}}}", "1" },
		{ "{{limits.cpu}}", "{\"limits.cpu\":\"2\"}", "2" },
		{ "{{c.limits.cpu}}", "{\"c\":{\"limits.cpu\":\"2\"}}", "2" },
		{ "{{a}}", "{\"a\":\"{{b}}\"}", "{{b}}" },
		{ "{{{a}}}", "{\"a\":\"x\\n\\ty\"}", "x\n\ty" },
		{ "{{!what this is}}a{{! {{ }}b", "{}", "ab" },
		{ "\xc3\xa4{{a}}", "{\"a\":\"\xe2\x82\xac\"}", "\xc3\xa4\xe2\x82\xac" },
		{ "{{.}}", "\"top\"", "top" },
	};

	CHECK(examples);
}

static void sections(void **state)
{
	static const struct example examples[] = {
		{ "{{#a}}x{{/a}}", "{\"a\":true}", "x" },
		{ "{{#a}}x{{/a}}", "{\"a\":false}", "" },
		{ "{{#a}}x{{/a}}", "{\"a\":null}", "" },
		{ "{{#a}}x{{/a}}", "{\"a\":\"\"}", "" },
		{ "{{#a}}x{{/a}}", "{\"a\":[]}", "" },
		{ "{{#a}}<{{.}}>{{/a}}", "{\"a\":\"v\"}", "<v>" },
		{ "{{#a}}<{{.}}>{{/a}}", "{\"a\":0}", "<0>" },
		{ "{{^a}}x{{/a}}", "{\"a\":true}", "" },
		{ "{{^a}}x{{/a}}{{^b}}y{{/b}}", "{\"a\":false,\"b\":[]}", "xy" },
		{ "{{#a}}[{{.}}]{{/a}}", "{\"a\":[1,\"b\",true]}", "[1][b][true]" },
		{ "{{#a}}{{n}}{{up}} {{/a}}", "{\"up\":\"^\",\"a\":[{\"n\":1},{\"n\":2,\"up\":\"!\"}]}",
		  "1^ 2! " },
		{ "{{#o}}{{x}}{{#p}}{{x}}{{y}}{{/p}}{{/o}}", "{\"o\":{\"x\":1,\"p\":{\"y\":2}}}", "112" },
		{ "{{#a}}{{#.}}{{.}}{{/.}};{{/a}}", "{\"a\":[[1,2],[],[3]]}", "12;;3;" },
		{ "{{#a}}{{#b}}x{{/b}}{{^b}}y{{/b}}{{/a}}", "{\"a\":[{\"b\":true},{\"b\":false}]}", "xy" },
	};

	CHECK(examples);
}

/* mustache(5), "standalone" */
static void tags_alone_take_their_line(void **state)
{
	static const struct example examples[] = {
		{ "a\n{{#t}}\nb\n{{/t}}\nc\n", "{\"t\":true}", "a\nb\nc\n" },
		{ "a\n  {{#t}}  \n b\n\t{{/t}}\nc\n", "{\"t\":true}", "a\n b\nc\n" },
		{ "{{#t}}\nb\n{{/t}}", "{\"t\":true}", "b\n" },
		{ "a\n{{#t}}\nb\n{{/t}}\nc\n", "{\"t\":false}", "a\nc\n" },
		{ "a\n{{! note }}\nb", "{}", "a\nb" },
		{ "a\r\n{{! note }}\r\nb", "{}", "a\r\nb" },
		{ "a {{! note }}\nb", "{}", "a \nb" },
		{ "{{#t}}x\n{{/t}} y\n", "{\"t\":true}", "x\n y\n" },
		{ "{{#t}} {{/t}}\n", "{\"t\":true}", " \n" },
		{ "a\n{{t}}\nb", "{\"t\":null}", "a\n\nb" },
		{ "{{#l}}\n{{k}} = {{v}}\n{{/l}}\n", "{\"l\":[{\"k\":\"a\",\"v\":1},{\"k\":\"b\",\"v\":2}]}",
		  "a = 1\nb = 2\n" },
		{ "{{!\nlong\n}}\nx", "{}", "x" },
	};

	CHECK(examples);
}

static void errors_name_file_and_line(void **state)
{
	static const struct example examples[] = {
		{ "a\n{{b}}", "{}", "! x.conf:2: 'b' is not known" },
		{ "\n\n{{#b}}{{/b}}", "{}", "! x.conf:3: 'b' is not known" },
		{ "{{^b}}{{/b}}", "{}", "! x.conf:1: 'b' is not known" },
		{ "{{a.c}}", "{\"a\":{\"b\":1}}", "! x.conf:1: 'a.c' is not known" },
		{ "{{a.b.c}}", "{\"a\":{\"b\":1}}", "! x.conf:1: 'a.b.c' is not known" },
		{ "{{A}}", "{\"a\":1}", "! x.conf:1: 'A' is not known" },
		{ "{{a}}", "{\"a\":{}}", "! x.conf:1: 'a' is a list or an object, not a value" },
		{ "{{.}}", "[1]", "! x.conf:1: '.' is a list or an object, not a value" },
		{ "{{#a}}\n{{/a}}\n{{#a}}\n{{x}}\n{{/a}}\n", "{\"a\":true}", "! x.conf:4: 'x' is not known" },
		{ "a\n{{#t}}\n", "{}", "! x.conf:2: this section is never closed: 't'" },
		{ "{{/t}}", "{}", "! x.conf:1: no section is open here to be closed by 't'" },
		{ "{{#a}}\n{{#b}}{{/a}}{{/b}}", "{}", "! x.conf:2: the section to be closed here is 'b'" },
		{ "x\n{{a", "{}", "! x.conf:2: a tag is not closed" },
		{ "{{{a}}", "{\"a\":1}", "! x.conf:1: a tag is not closed" },
		{ "{{}}", "{}", "! x.conf:1: a tag must hold a name made of letters, digits and _ . - /" },
		{ "{{#}}{{/}}", "{}",
		  "! x.conf:1: a tag must hold a name made of letters, digits and _ . - /" },
		{ "{{a b}}", "{}", "! x.conf:1: a tag must hold a name made of letters, digits and _ . - /" },
		{ "{{>part}}", "{}", "! x.conf:1: this kind of tag is not supported: '>'" },
		{ "{{&a}}", "{}", "! x.conf:1: this kind of tag is not supported: '&'" },
		{ "{{=<% %>=}}", "{}", "! x.conf:1: this kind of tag is not supported: '='" },
	};

	CHECK(examples);
}

/* The reason why this renderer exists: one label must not become an lxc.hook line. */
static void values_add_no_lines(void **state)
{
	static const struct example examples[] = {
		{ "k = {{v}}\n", "{\"v\":\"x\\nlxc.hook.start = /bin/sh\"}",
		  "! x.conf:1: 'v' holds a newline" },
		{ "k = {{v}}\n", "{\"v\":\"x\\r\"}", "! x.conf:1: 'v' holds a control character" },
		{ "k = {{v}}\n", "{\"v\":\"x\\ty\"}", "! x.conf:1: 'v' holds a control character" },
		{ "k = {{v}}\n", "{\"v\":\"\\u007f\"}", "! x.conf:1: 'v' holds a control character" },
		{ "k = {{{v}}}\n", "{\"v\":\"\\u001b[2J\"}", "! x.conf:1: 'v' holds a control character" },
		{ "{{{v}}}\n", "{\"v\":\"a\\r\\n\"}", "! x.conf:1: 'v' holds a control character" },
		{ "{{#l}}{{.}}{{/l}}", "{\"l\":[\"ok\",\"a\\nb\"]}", "! x.conf:1: '.' holds a newline" },
		{ "{{#v}}x{{/v}}", "{\"v\":\"a\\nb\"}", "x" },
	};

	CHECK(examples);
}

static void nesting_has_a_limit(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *good = NULL, *bad = NULL;
	int i;

	for (i = 0; i < 32; i++)
		strbuf_addstr(&text, "{{#a}}");
	for (i = 0; i < 32; i++)
		strbuf_addstr(&text, "{{/a}}");
	good = render(text.buf, "{\"a\":{}}");
	assert_string_equal(good, "");
	strbuf_reset(&text);
	for (i = 0; i < 33; i++)
		strbuf_addstr(&text, "{{#a}}");
	bad = render(text.buf, "{\"a\":{}}");
	assert_string_equal(bad, "! x.conf:1: sections are nested too deep at 'a'");
}

static void loops_have_a_limit(void **state)
{
	static const char text[] =
		"{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}{{/a}}"
		"{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}";
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *ctx = cJSON_CreateObject();
	struct template *t = template_parse("x.conf", text, strlen(text), &err);
	int i;

	json_set(ctx, "a", cJSON_CreateArray());
	for (i = 0; i < 100; i++)
		cJSON_AddItemToArray(json_arr(ctx, "a"), cJSON_CreateNumber(i));
	assert_non_null(t);
	assert_int_equal(template_render(t, ctx, &out, &err), -1);
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_int_equal(out.len, 0);
	template_free(t);
}

static void refuses_binary_text(void **state)
{
	struct error err = ERROR_INIT;

	assert_null(template_parse("x", "a\0b", 3, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	template_free(NULL);
}

static void loads_files(void **state)
{
	char path[] = "/tmp/berth-test-template-XXXXXX";
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *ctx = cJSON_CreateObject();
	int fd = mkstemp(path);
	struct template *t;

	assert_int_equal(write(fd, "x = {{x}}\n", 10), 10);
	close(fd);
	t = template_load(path, &err);
	assert_non_null(t);
	json_set_str(ctx, "x", "1");
	assert_int_equal(template_render(t, ctx, &out, &err), 0);
	assert_int_equal(template_render(t, ctx, &out, &err), 0);
	assert_string_equal(out.buf, "x = 1\nx = 1\n");
	json_set_str(ctx, "x", NULL);
	assert_int_equal(template_render(t, ctx, &out, &err), -1);
	assert_non_null(strstr(err.msg, path));
	template_free(t);
	unlink(path);
	assert_null(template_load(path, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(sections),
		cmocka_unit_test(tags_alone_take_their_line),
		cmocka_unit_test(errors_name_file_and_line),
		cmocka_unit_test(values_add_no_lines),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(loops_have_a_limit),
		cmocka_unit_test(refuses_binary_text),
		cmocka_unit_test(loads_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
