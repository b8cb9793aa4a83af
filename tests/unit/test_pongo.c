/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pongo.h"

static const char context_text[] =
	"{\"container\":{\"name\":\"c1\",\"privileged\":\"false\"},\"instance\":{\"name\":\"c1\",\"type\":\"container\"},"
	"\"config\":{\"user.x\":\"2\",\"user.multi\":\"a: 1\\nb: 2\\r\\n\\n\"},\"properties\":{\"foo\":\"bar\",\"default\":\"#cloud\\n{}\"},"
	"\"devices\":{\"root\":{\"type\":\"disk\"},\"eth0\":{\"type\":\"nic\"}},\"path\":\"/etc/all\",\"trigger\":\"start\","
	"\"list\":[1,2.5,\"x\",[1]]}";

/* The result, or "! " and the error's message; caller frees. */
static char *render_text(const char *text, size_t len)
{
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *context = json_parse(context_text, strlen(context_text), &err);

	assert_non_null(context);
	strbuf_addstr(&out, "before|");
	if (pongo_render("t", text, len, context, &out, &err) < 0) {
		assert_true(err.code == ERROR_INVALID || err.code == ERROR_TOO_LARGE);
		assert_string_equal(out.buf, "before|");
		strbuf_reset(&out);
		strbuf_addf(&out, "! %s", err.msg);
	} else {
		strbuf_drop_front(&out, strlen("before|"));
	}
	return strbuf_detach(&out);
}

struct example {
	const char *text, *want;
};

static void check(const struct example *e, size_t n)
{
	for (; n--; e++) {
		AUTO_FREE char *got = render_text(e->text, strlen(e->text));

		if (strcmp(got, e->want) != 0)
			fail_msg("'%s' gives '%s', not '%s'", e->text, got, e->want);
	}
}
#define CHECK(examples) check(examples, sizeof(examples) / sizeof((examples)[0]))

/* Each of these was given to LXD 5.0.2, which gave the same. */
static void as_lxd(void **state)
{
	static const struct example examples[] = {
		{ "", "" },
		{ "name={{ container.name }} [{{instance.type}}] [{{ container.privileged }}]", "name=c1 [container] [false]" },
		{ "path={{ path }} props={{ properties.foo }}", "path=/etc/all props=bar" },
		{ "cg={{ config_get(\"user.x\", \"dflt\") }} [{{ config_get(\"user.none\", \"\") }}] {{ config_get('user.y', \"it's\") }}|",
		  "cg=2 [] it's|" },
		{ "cfg={{ config.user }} {{ nosuch }} {{ container.nosuch }} {{ nosuch.a.b }}|", "cfg=   |" },
		{ "a{% if config_get(\"user.x\", \"\") == \"1\" %}is1{% elif config_get(\"user.x\",\"\") == \"2\" %}is2{% else %}other"
		  "{% endif %}\nb\n", "ais2\nb\n" },
		{ "{% if not nosuch %}not{% endif %} {% if nosuch or trigger == \"create\" %}or{% endif %} {% if a and b %}x{% else %}and"
		  "{% endif %}\n\n", "not  and\n\n" },
		{ "{% if trigger != \"create\" %}ne{% endif %}{% if !nosuch %}bang{% endif %}{% if (1 == 1) && true %}amp{% endif %}",
		  "nebangamp" },
		{ "{% for k, v in devices %}dev {{ k }}={{ v.type }} {{ forloop.Counter }} {{ forloop.First }} {{ forloop.Last }}\n"
		  "{% endfor %}", "dev eth0=nic 1 True False\ndev root=disk 2 False True\n" },
		{ "{% for k in nosuch %}[{{ k }}]{% empty %}none{% endfor %}{% for c in \"abc\" %}<{{c}}{{forloop.Counter0}}"
		  "{{forloop.Revcounter}}>{% endfor %}", "none<a03><b12><c21>" },
		{ "{{ \"a\" }}{{ 3 }} {{ 1.5 }} {{ true }} {{ 1 + 2 }} {{ 7 / 2 }} {{ 7 % 2 }} {{ 2 * 3.0 }} {{ -1 }} {{ 1 - 2 }}",
		  "a3 1.500000 True 3 3 1 6.000000 -1 -1" },
		{ "{{ container.name|upper }} {{ nosuch|default:\"dd\" }} {{ \"AbC\"|lower }} {{ \"abc\"|capfirst }} {{ \"abc\"|length }} "
		  "{{ \"\"|default:\"e\" }}", "C1 dd abc Abc 3 e" },
		{ "{{ \"a,b\"|split:\",\"|join:\"-\" }} {{ \"<a>&\"|escape }} {{ \"x\"|add:\"y\" }} {{ \"aXb\"|cut:\"X\" }}",
		  "a-b &lt;a&gt;&amp; xy ab" },
		{ "{# comment #}x{% comment %}y{% endcomment %}z\n{%- if true -%}\n   trimmed\n{%- endif -%}\nend", "xztrimmedend" },
		{ "{% if true %}\na\n{% endif %}\nb", "\na\n\nb" },
		{ "{% if \"a\" in \"abc\" %}in{% endif %} {% if \"user.x\" in config %}incfg{% endif %} {% if \"os\" in properties %}no"
		  "{% endif %}{% if \"foo\" in properties %}foo{% endif %}", "in incfg foo" },
		{ "{% set v = \"foo\" %}{{ v }} {% with z=\"1\" %}{{ z }}{% endwith %}{{ z }}", "foo 1" },
		{ "{% if 2 > 1 %}gt{% endif %}{% if \"b\" >= \"a\" %}ge{% endif %}", "gtge" },
		{ "{% firstof nosuch \"q\" %} {% autoescape on %}{{ \"<\" }}{% endautoescape %}{{ \"<\" }}", "q &lt;<" },
		{ "{{ config_get(\"user.x\", \"d\")|upper }} {{ config_get(\"user.x\", nosuch) }}| {{ config_get(\"user.none\", "
		  "container.name) }}", "2 2| c1" },
		{ "{{ \"a\\\"b\\\\n\" }} {{ 'x' }}", "a\"b\\n x" },
		{ "{{ nosuch() }}{{ nosuch.foo() }}", "" },
		{ "{% for i in 5 %}{{ i }}{% endfor %}|", "|" },
		{ "{% if 1 %}1{% endif %}{% if 0 %}0{% endif %}{% if \"\" %}e{% endif %}{% if \"0\" %}s0{% endif %}{% if properties %}p"
		  "{% endif %}{% if nil %}n{% endif %}", "1s0p" },
		{ "{{ false }} {{ True }} {{ nil }}", "False  " },
		{ "{{ 10000000000 }} {{ 0.1 }} {{ 3.14159265358979 }} {{ \"5\"|integer }} {{ \"5\"|float }}",
		  "10000000000 0.100000 3.141593 5 5.000000" },
		{ "{% if not (path == \"x\") %}nn{% endif %}", "nn" },
		{ "{% if false and false or true %}y{% endif %}|", "|" },
	};

	CHECK(examples);
}

/* What images say (those of images.linuxcontainers.org and of Ubuntu), and what LXD shows otherwise. */
static void images(void **state)
{
	static const struct example examples[] = {
		{ "#cloud-config\ninstance-id: {{ container.name }}\n{{ config_get(\"user.meta-data\", \"\") }}\n",
		  "#cloud-config\ninstance-id: c1\n\n" },
		{ "{{ config_get(\"user.user-data\", properties.default) }}", "#cloud\n{}" },
		{ "{{ config_get(\"user.multi\", properties.default) }}", "a: 1\nb: 2" },
		{ "{% if config_get(\"user.network-config\", \"\") == \"\" %}version: 1\n  name: {% if instance.type == \"virtual-machine\" %}"
		  "enp5s0{% else %}eth0{% endif %}\n{% else %}{{ config_get(\"user.network-config\", \"\") }}{% endif %}\n",
		  "version: 1\n  name: eth0\n\n" },
		{ "127.0.1.1\t{{ instance.name }}\n", "127.0.1.1\tc1\n" },
		/* LXD's trigger is of a type of its own, equal to no text: meant is this */
		{ "{% if trigger == \"start\" %}y{% endif %}{% ifequal trigger \"start\" %}e{% else %}n{% endifequal %}", "ye" },
		{ "{{ \"a\" + \"b\" }}", "ab" },
		{ "{{ list.2 }}{{ list|first }}{{ list.1 }}", "x12.500000" },
		{ "{% for x in \"b,a\"|split:\",\" sorted %}{{ x }}{% endfor %}{% for x in \"ab\" reversed %}{{ x }}{% endfor %}", "abba" },
		{ "{% set a = \"1\" %}{% for x in \"xy\" %}{% set a = x %}{{ a }}{% endfor %}{{ a }}", "xy1" },
		{ "}} %} #} { a }", "}} %} #} { a }" },
		{ "{{- 'a' -}}  b  {{- ' c' }}", "ab c" },
		{ "{{ \"x\"|yesno }} {{ \" x \"|trim }} {{ \"a'b\"|addslashes }} {{ \"abc\"|last }} {{ \"a b\"|urlencode }}", "yes x a\\'b c a%20b" },
	};

	CHECK(examples);
}

static void errors(void **state)
{
	static const struct example examples[] = {
		{ "{{ config_get(\"user.x\") }}", "! t:1: config_get() takes two arguments: a key, and what counts when there is none" },
		{ "a\n{% unknowntag %}", "! t:2: the tag 'unknowntag' is not supported" },
		{ "a\n\n{% include \"/etc/passwd\" %}", "! t:3: the tag 'include' is not supported" },
		{ "{{ \"a\"|nosuchfilter }}", "! t:1: the filter 'nosuchfilter' is not supported" },
		{ "{% if false %}{{ a|nosuchfilter }}{% endif %}", "! t:1: the filter 'nosuchfilter' is not supported" },
		{ "{{ }}", "! t:1: a value is expected, not ''" },
		{ "{{ a", "! t:1: a tag is not closed" },
		{ "{# a", "! t:1: a comment is not closed" },
		{ "{{ 'a }}", "! t:1: a string is not closed" },
		{ "{{ 'a\n' }}", "! t:1: a line ends within a string" },
		{ "{% if x %}", "! t:1: {% endif %} is missing" },
		{ "{% if x %}{% endfor %}", "! t:1: {% endif %} is missing" },
		{ "{% endif %}", "! t:1: {% endif %} ends nothing" },
		{ "{% if %}x{% endif %}", "! t:1: a value is expected, not ''" },
		{ "{{ config[\"a\"] }}", "! t:1: the character 0x5b is not known here" },
		{ "{{ properties }}", "! t:1: a list or an object cannot be shown" },
		{ "{{ 1 / 0 }}", "! t:1: a division by zero" },
		{ "{{ a b }}", "! t:1: }} is expected, not 'b'" },
		{ "{{ a.\"b\" }}", "! t:1: a name is expected after '.'" },
		{ "{% for a, b, c in x %}{% endfor %}", "! t:1: a loop has one name or two" },
		{ "{{ 1234567890123456 }}", "! t:1: a number has at most 15 digits" },
	};
	AUTO_FREE char *nul = render_text("a\0b", 3);

	CHECK(examples);
	assert_string_equal(nul, "! t:1: a template has at most 1048576 bytes, none of them 0");
}

static void repeat(struct strbuf *out, const char *text, unsigned n)
{
	while (n-- > 0)
		strbuf_addstr(out, text);
}

static void refused(struct strbuf *text, const char *why)
{
	AUTO_FREE char *got = render_text(text->buf, text->len);

	if (strstr(got, why) == NULL)
		fail_msg("'%.80s…' gives '%.200s', not '%s'", text->buf, got, why);
	strbuf_reset(text);
}

/* Neither time nor memory nor the stack is the template's to use up. */
static void limits(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	repeat(&text, "{% for a in \"0123456789\" %}", 9);
	repeat(&text, "{% endfor %}", 9);
	refused(&text, "too many steps");
	repeat(&text, "{% for a in \"0123456789\" %}", 5);
	repeat(&text, "0123456789", 100);
	repeat(&text, "{% endfor %}", 5);
	refused(&text, "bytes of output");
	strbuf_addstr(&text, "{% set a = \"0123456789abcdef\" %}");
	repeat(&text, "{% set a = a + a %}", 40);
	refused(&text, "bytes of output");
	strbuf_addstr(&text, "{% set a = \"'\" %}");
	repeat(&text, "{% set a = a|addslashes %}", 40);
	refused(&text, "bytes of output");
	repeat(&text, "{% set a = 1 %}", 70);
	refused(&text, "more than 64 variables");
	repeat(&text, "{% if true %}", 5000);
	refused(&text, "nested too deep");
	strbuf_addstr(&text, "{{ ");
	repeat(&text, "(", 100000);
	strbuf_addstr(&text, " }}");
	refused(&text, "nested too deep");
	repeat(&text, "{% for a in \"0123456789\" %}", 3);
	strbuf_addstr(&text, "{% comment %}");
	repeat(&text, "{{ a }}", 5000);
	strbuf_addstr(&text, "{% endcomment %}");
	repeat(&text, "{% endfor %}", 3);
	refused(&text, "too many steps");
	strbuf_addstr(&text, "{% if true");
	repeat(&text, " or true", 50000);
	strbuf_addstr(&text, " %}ok{% endif %}");
	refused(&text, "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_lxd),
		cmocka_unit_test(images),
		cmocka_unit_test(errors),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
