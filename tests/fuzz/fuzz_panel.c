/* SPDX-License-Identifier: MIT */
/*
 * JSON of hosting panels and of the API: a VMConfig, and each of its port forwards as the rule it becomes; the whole
 * object as one rule, too. What is taken must be what the rooms below take, and no text of nft's may be broken by it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/forward_rule.h"
#include "model/key_types.h"
#include "panel/vmconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char pub[] = "lxcbr0", nat[] = "lxcbr1";
static const struct settings settings = { .network_pub = pub, .network_nat = nat };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_panel: %s\n", what);
	abort();
}

/* The characters of elements of maps and sets, and nothing else. */
static void check_elements(const struct strbuf *b)
{
	must(strspn(b->buf, "0123456789abcdef.: ,\n") == b->len, "something else than addresses and ports");
}

static void check_ports(const struct port_list *l, const char *text)
{
	uint16_t port;
	unsigned total = 0;

	must(l->n > 0 && l->n <= FORWARD_RANGES_MAX, "too many ranges, or none");
	for (unsigned i = 0; i < l->n; i++)
		total += l->range[i].last - l->range[i].first + 1u;
	must(total == l->total && total <= 65535, "a wrong sum");
	for (unsigned i = 0; i < l->total; i++)
		must(port_list_at(l, i) > 0, "port 0");
	must(port_list_overlap(l, l, &port), "it does not meet itself");
	must(strspn(text, "0123456789-, ") == strlen(text), "something else than ports was taken");
	for (const char *p = text; (p = strchr(p, ' ')); p++) /* "80 90": blanks are beside commas only */
		must(p == text || p[-1] == ' ' || p[-1] == ',' || p[strspn(p, " ")] == ',' || p[strspn(p, " ")] == '\0',
		     "a part of it was not looked at");
}

static void fuzz_rule(const cJSON *entry)
{
	static const char *const targets[] = { "10.0.0.5", "fd00::5" };
	struct error err = ERROR_INIT;
	struct forward_rules rules;
	struct forward_rule r;
	struct address to;
	uint16_t port;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (forward_rule_parse(entry, &r, &err) < 0) {
		must(*err.msg, "a rule refused, but not said why");
		return;
	}
	check_ports(&r.listen_ports, json_str_or(entry, "listen_port", ""));
	if (r.target_ports.n > 0)
		check_ports(&r.target_ports, json_str_or(entry, "target_port", ""));
	must(!r.instance == (r.target.family != 0), "both targets, or none");
	must(forward_rule_conflict(&r, &r, &port), "it does not conflict with itself");
	forward_rules_init(&rules);
	for (size_t i = 0; i < 2; i++) {
		must(address_parse(targets[i], &to) == 0, "no address");
		forward_rules_add(&rules, &r, r.instance ? &to : &r.target);
		if (r.listen.family == to.family)
			forward_rules_add_all(&rules, &r.listen, &to);
	}
	check_elements(&rules.map[FORWARD_TCP4]);
	check_elements(&rules.map[FORWARD_UDP6_AT]);
	check_elements(&rules.map[FORWARD_ALL4_AT]);
	check_elements(&rules.map[FORWARD_SELF6]);
	forward_rules_text(&rules, "t", &text);
	must(strstr(text.buf, "delete table inet t\n"), "no ruleset");
	forward_rules_clear(&rules);
}

static void all_texts(const cJSON *object)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, object)
		must(cJSON_IsString(v) && v->string, "a value that is no text");
}

static void check_config(const struct vmconfig *c)
{
	const cJSON *v;

	all_texts(c->config);
	all_texts(c->speeds);
	cJSON_ArrayForEach(v, c->nics) {
		const char *ip4 = json_str(v, "ipv4.address");

		all_texts(v);
		must(!ip4 || type_is_cidr(AF_INET, ip4), "a bad address was taken");
	}
	cJSON_ArrayForEach(v, c->volumes)
		must(json_str(v, "name") && cJSON_IsBool(cJSON_GetObjectItem(v, "readonly")), "a broken volume");
	cJSON_ArrayForEach(v, c->dns)
		must(strspn(v->valuestring, "0123456789abcdefABCDEF.:") == strlen(v->valuestring), "a bad name server was taken");
	cJSON_ArrayForEach(v, c->forwards) {
		AUTO_JSON cJSON *rule = cJSON_Duplicate(v, true);

		json_set_str(rule, "target_instance", "c1");
		if (strcmp(json_str_or(rule, "listen_port", ""), "auto") != 0)
			fuzz_rule(rule);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse((const char *)data, size, &err);
	AUTO_VMCONFIG struct vmconfig c = { 0 };
	AUTO_JSON cJSON *none = NULL;
	AUTO_JSON cJSON *all = NULL;

	if (!cJSON_IsObject(v))
		return 0;
	error_clear(&err);
	if (vmconfig_parse(&settings, v, &c, &err) == 0)
		check_config(&c);
	else
		must(err.code == ERROR_INVALID && *err.msg, "refused, but not said why");
	none = vmconfig_changes(v, v);
	all = vmconfig_changes(NULL, v);
	must(cJSON_GetArraySize(none) == 0 && cJSON_GetArraySize(all) == cJSON_GetArraySize(v), "wrong changes");
	fuzz_rule(v);
	return 0;
}
