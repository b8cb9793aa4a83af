/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "base/json.h"

static const char object_text[] =
	"{\"name\":\"web1\",\"status\":\"Running\",\"ephemeral\":false,\"status_code\":103,"
	"\"config\":{\"user.role\":\"front "
	"end\",\"limits.cpu\":\"2\",\"image.release\":\"22.04\",\"user.x\":\"a+b\"},"
	"\"devices\":{\"eth0\":{\"type\":\"nic\"}},\"profiles\":[\"default\"],\"note\":null}";

static bool match(const char *text)
{
	AUTO_JSON cJSON *object = cJSON_Parse(object_text);
	struct error err = ERROR_INIT;
	struct filter *f = filter_parse(text, &err);
	bool ret;

	if (!f)
		fail_msg("'%s': %s", text, err.msg);
	ret = filter_match(f, object);
	filter_free(f);
	return ret;
}

static void test_fields(void **state)
{
	assert_true(match(""));
	assert_true(match("   "));
	assert_true(match("name eq web1"));
	assert_false(match("name eq web2"));
	assert_true(match("name ne web2"));
	assert_true(match("status eq running")); /* without regard to case */
	assert_true(match("STATUS ne running")); /* there is no such field */
	assert_true(match("ephemeral eq false"));
	assert_true(match("ephemeral eq 0"));
	assert_false(match("ephemeral eq true"));
	assert_true(match("status_code eq 103"));
	assert_true(match("config.user.role eq \"front end\""));
	assert_true(match("config.user.role eq 'front end'"));
	assert_true(match("config.limits.cpu eq 2"));
	assert_true(match("devices.eth0.type eq nic"));
	assert_false(match("devices.eth1.type eq nic"));
	assert_true(match("config.user.unset eq \"\""));
	assert_false(match("profiles eq default"));
	assert_false(match("note eq x"));
}

static void test_logic(void **state)
{
	assert_true(match("not name eq web2"));
	assert_true(match("NOT name ne web1"));
	assert_true(match("name eq web1 and status eq Running"));
	assert_false(match("name eq web1 and status eq Stopped"));
	assert_true(match("name eq web2 or status eq Running"));
	assert_true(match("name eq web1 or name eq x and status eq Running"));
	assert_false(
		match("name eq web1 or name eq x and status eq Stopped")); /* from left to right, as LXD */
}

static void test_patterns(void **state)
{
	assert_true(match("name eq web.*"));
	assert_true(match("name eq .*"));
	assert_true(match("name eq ^web.$"));
	assert_true(match("name eq we*b*1x*"));
	assert_false(match("name eq web"));
	assert_false(match("name eq eb1"));
	assert_false(match("name eq x.*"));
	assert_true(match("config.image.release eq 22.04"));
	assert_true(match("config.user.x eq a+b")); /* other metacharacters stand for themselves */
	assert_false(match("config.user.x eq a.*c"));
	assert_false(match("name eq *"));
	assert_true(match("name eq ^w[a-f]b[0-9]$"));
	assert_true(match("name eq W[^a-d]B."));
	assert_true(match("name eq w[]e]b1"));
	assert_true(match("name eq we+b1?x?"));
	assert_true(match("name eq [a-z]+[0-9]*"));
	assert_false(match("name eq w[^e]b1"));
	assert_false(match("name eq web1[0-9]+"));
	assert_false(match("name eq web[2-9]"));
	assert_false(match("name eq web1["));
	assert_false(match("name eq web[9-0]"));
	assert_false(match("name eq web[[:digit:]]"));
	assert_false(match("name eq +"));
	assert_false(match("name eq web1+?"));
	assert_false(match("name eq (web1)"));
}

static void test_patterns_are_linear(void **state)
{
	char text[1100] = "name eq ";
	int i;

	for (i = 0; i < 170; i++)
		strcat(text, ".*a");
	assert_false(match(text));
	memset(text + 8, '+', 512);
	for (i = 0; i < 512; i += 2)
		text[8 + i] = 'w'; /* as many items as a value can have */
	text[8 + 512] = 0;
	assert_false(match(text));
	memset(text + 8, '?', 512);
	for (i = 0; i < 512; i += 2)
		text[8 + i] = '.';
	assert_true(match(text));
}

static void refused(const char *text, const char *message)
{
	struct error err = ERROR_INIT;

	assert_null(filter_parse(text, &err));
	assert_string_equal(err.msg, message);
	assert_int_equal(error_http_status(err.code), 500); /* LXD's */
}

static void test_refused(void **state)
{
	char text[2000] = "name eq ";
	int i;

	refused("name", "Invalid filter: clause has no operator");
	refused("name eq", "Invalid filter: clause has no value");
	refused("not", "Invalid filter: incomplete not clause");
	refused("name gt 3", "Invalid filter: an operator is eq or ne");
	refused("name eq \"a b", "Invalid filter: unterminated quote");
	refused("name eq \"a\"b", "Invalid filter: unterminated quote");
	refused("name eq a xor b eq c", "Invalid filter: invalid clause composition");
	refused("name eq a and", "Invalid filter: unterminated compound clause");
	memset(text + 8, 'a', 600);
	refused(text, "Invalid filter: a value is longer than 512 bytes");
	text[0] = 0;
	for (i = 0; i < 65; i++)
		strcat(text, i ? " or a eq b" : "a eq b");
	refused(text, "Invalid filter: more than 64 clauses");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_logic),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_patterns_are_linear),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
