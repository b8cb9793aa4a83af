/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "cli/network.h"
#include "host/forward_rule.h"

static cJSON *parse(const char *text)
{
	struct error err = ERROR_INIT;
	cJSON *v = json_parse(text, strlen(text), &err);

	assert_non_null(v);
	return v;
}

static void rule(const char *text, struct forward_rule *ret, cJSON **keep)
{
	struct error err = ERROR_INIT;

	*keep = parse(text);
	if (forward_rule_parse(*keep, ret, &err) < 0)
		fail_msg("%s", err.msg);
}

static void bad(const char *text, const char *part)
{
	AUTO_JSON cJSON *v = parse(text);
	struct error err = ERROR_INIT;
	struct forward_rule r;

	assert_int_equal(forward_rule_parse(v, &r, &err), -1);
	if (!strstr(err.msg, part))
		fail_msg("'%s' lacks '%s'", err.msg, part);
}

static void mistakes_are_named(void **state)
{
	bad("[]", "must be an object");
	bad("{\"listen_port\":\"80\"}", "needs one of");
	bad("{\"listen_port\":\"80\",\"target_instance\":\"a\",\"target_address\":\"10.0.0.1\"}", "not both");
	bad("{\"listen_port\":\"\",\"target_instance\":\"a\"}", "'' is no port");
	bad("{\"listen_port\":\"0\",\"target_instance\":\"a\"}", "'0' is no port");
	bad("{\"listen_port\":\"1-\",\"target_instance\":\"a\"}", "'1-' is no port");
	bad("{\"listen_port\":\"5-4\",\"target_instance\":\"a\"}", "ends before");
	bad("{\"listen_port\":\"80 90\",\"target_instance\":\"a\"}", "'80 90' is no port");
	bad("{\"listen_port\":\"1,1-3\",\"target_instance\":\"a\"}", "port 1 is there twice");
	bad("{\"listen_port\":\"80\",\"protocol\":\"icmp\",\"target_instance\":\"a\"}", "'icmp'");
	bad("{\"listen_port\":\"80\",\"listen_address\":\"::1\",\"target_instance\":\"a\"}", "'::1'");
	bad("{\"listen_port\":\"80\",\"listen_address\":\"10.0.0.1\",\"target_address\":\"fd00::1\"}", "not of one family");
	bad("{\"listen_port\":\"80-82\",\"target_port\":\"1-2\",\"target_instance\":\"a\"}", "give one, or as many");
	bad("{\"listen_port\":\"80\",\"listen_address\":\"0.0.0.0\",\"target_instance\":\"a\"}", "leave it out for all");
	bad("{\"listen_port\":\"80\",\"force\":\"yes\",\"target_instance\":\"a\"}", "must be true or false");
	bad("{\"listen_port\":\"80\",\"description\":true,\"target_instance\":\"a\"}", "must be a string");
	bad("{\"listen_port\":80,\"target_instance\":\"a\"}", "must be a string");
	bad("{\"listen_port\":\"80\",\"target_instance\":\"a\",\"x\":\"\"}", "no member 'x'");
}

static void conflicts(void **state)
{
	AUTO_JSON cJSON *ka = NULL;
	AUTO_JSON cJSON *kb = NULL;
	AUTO_JSON cJSON *kc = NULL;
	AUTO_JSON cJSON *kd = NULL;
	AUTO_JSON cJSON *ke = NULL;
	AUTO_JSON cJSON *kf = NULL;
	struct forward_rule a, b, c, d, e, f;
	uint16_t port;

	rule("{\"listen_port\":\"80-90\",\"target_instance\":\"a\"}", &a, &ka);
	rule("{\"listen_port\":\"1,85\",\"target_instance\":\"b\"}", &b, &kb);
	rule("{\"listen_port\":\"85\",\"protocol\":\"udp\",\"target_instance\":\"b\"}", &c, &kc);
	rule("{\"listen_port\":\"85\",\"listen_address\":\"10.0.0.1\",\"target_instance\":\"b\"}", &d, &kd);
	assert_true(forward_rule_conflict(&a, &b, &port));
	assert_int_equal(port, 85);
	assert_false(forward_rule_conflict(&a, &c, &port));
	assert_true(forward_rule_conflict(&a, &d, &port));
	assert_true(forward_rule_conflict(&d, &a, &port));
	rule("{\"listen_port\":\"85\",\"listen_address\":\"10.0.0.2\",\"target_instance\":\"b\"}", &e, &ke);
	assert_false(forward_rule_conflict(&d, &e, &port));
	rule("{\"listen_port\":\"85\",\"target_address\":\"fd00::1\"}", &f, &kf);
	assert_true(forward_rule_conflict(&a, &f, &port));
	assert_false(forward_rule_conflict(&d, &f, &port)); /* IPv4 here, IPv6 there */
	assert_false(d.force);
}

static void the_ruleset_maps_port_by_port(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_JSON cJSON *k = NULL;
	struct forward_rules rules;
	struct forward_rule r;
	struct address to;

	forward_rules_init(&rules);
	forward_rules_text(&rules, "t", &text);
	assert_string_equal(text.buf, "table inet t\ndelete table inet t\n");
	strbuf_reset(&text);
	rule("{\"listen_port\":\"8000-8001,9\",\"target_port\":\"70-72\",\"target_instance\":\"a\"}", &r, &k);
	assert_int_equal(address_parse("10.0.0.5", &to), 0);
	forward_rules_add(&rules, &r, &to);
	assert_string_equal(rules.map[FORWARD_TCP4].buf,
			    "8000 : 10.0.0.5 . 70,\n8001 : 10.0.0.5 . 71,\n9 : 10.0.0.5 . 72,\n");
	assert_int_equal(address_parse("fd00::5", &to), 0);
	r.target_ports.n = 0;
	assert_int_equal(address_parse("fd00::1", &r.listen), 0);
	forward_rules_add(&rules, &r, &to);
	assert_non_null(strstr(rules.map[FORWARD_TCP6_AT].buf, "fd00::1 . 8001 : fd00::5 . 8001,\n"));
	assert_int_equal(rules.elements, 6);
	forward_rules_add_bridge(&rules, "br0");
	forward_rules_text(&rules, "t", &text);
	assert_non_null(strstr(text.buf, "\"br0\" . \"br0\""));
	forward_rules_clear(&rules);
}

static void spec(const char *text, const char *protocol, const char *listen, const char *target)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = forward_spec_parse(text, &err);

	if (!protocol) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	assert_string_equal(json_str_or(v, "protocol", ""), protocol);
	assert_string_equal(json_str_or(v, "listen_port", ""), listen);
	assert_string_equal(json_str_or(v, "target_port", ""), target);
}

static void the_short_form_is_read(void **state)
{
	spec("tcp:8080:80", "tcp", "8080", "80");
	spec("udp:5000-5010", "udp", "5000-5010", "");
	spec("443", "tcp", "443", "");
	spec("80,443", "tcp", "80,443", "");
	spec("auto:22", "tcp", "auto", "22");
	spec("", NULL, NULL, NULL);
	spec("tcp", NULL, NULL, NULL);
	spec("tcp:", NULL, NULL, NULL);
	spec("80:", NULL, NULL, NULL);
	spec("1:2:3", NULL, NULL, NULL);
	spec("tcp:1:2:3", NULL, NULL, NULL);
	spec("tcp:1:2:3:4:5", NULL, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(conflicts),
		cmocka_unit_test(the_ruleset_maps_port_by_port),
		cmocka_unit_test(the_short_form_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
