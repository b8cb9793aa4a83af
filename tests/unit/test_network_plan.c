/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/mem.h"
#include "network/network_plan.h"

static cJSON *bridge(const char *config)
{
	cJSON *v = cJSON_Parse("{\"name\":\"br-1\",\"type\":\"bridge\"}");

	json_set(v, "config", cJSON_Parse(config));
	return v;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in: %s", part, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in: %s", part, text);
}

static void sides(void **state)
{
	AUTO_JSON cJSON *v = bridge("{\"ipv4.address\":\"10.1.130.9/17\",\"ipv6.address\":\"none\"}");
	struct network_side side;

	network_side(v, AF_INET, &side);
	assert_string_equal(side.subnet, "10.1.128.0/17");
	assert_string_equal(side.gateway, "10.1.130.9");
	network_side(v, AF_INET6, &side);
	assert_int_equal(side.address.family, 0);
	assert_string_equal(side.subnet, "");
}

/* Different names have different tables, however long they are. */
static void tables(void **state)
{
	char a[NETWORK_TABLE_SIZE], b[NETWORK_TABLE_SIZE];

	network_table("br-1", a);
	assert_string_equal(a, "berth_net_br_2d1");
	network_table("br_2d1", b);
	assert_string_not_equal(a, b);
	network_table("---------------", a);
	network_table("--------------_", b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 10 + 45);
}

static void rules(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_JSON cJSON *v = bridge("{\"ipv4.address\":\"10.1.2.1/24\",\"ipv4.nat\":\"true\",\"ipv6.address\":\"fd00::1/64\","
				    "\"ipv6.nat\":\"true\",\"ipv6.nat.address\":\"fd01::9\",\"ipv6.nat.order\":\"after\","
				    "\"ipv6.firewall\":\"false\"}");

	network_nft("br-1", v, &text);
	has(text.buf, "table inet berth_net_br_2d1 { }\ndelete table inet berth_net_br_2d1\ntable inet berth_net_br_2d1 {\n");
	has(text.buf, "priority srcnat - 1; policy accept;\n\t\tip saddr 10.1.2.0/24 ip daddr != 10.1.2.0/24 masquerade\n");
	has(text.buf, "priority srcnat + 1; policy accept;\n\t\tip6 saddr fd00::/64 ip6 daddr != fd00::/64 snat ip6 to fd01::9\n");
	has(text.buf, "iifname \"br-1\" meta nfproto ipv4 accept\n");
	has_not(text.buf, "nfproto ipv6");
	strbuf_reset(&text);
	json_set_str(json_obj(v, "config"), "ipv6.routing", "false");
	network_nft("br-1", v, &text);
	has(text.buf, "iifname \"br-1\" meta nfproto ipv6 reject\n");
	strbuf_reset(&text);
	network_nft("br-1", NULL, &text);
	assert_string_equal(text.buf, "table inet berth_net_br_2d1 { }\ndelete table inet berth_net_br_2d1\n");
}

static char *line(const char *config)
{
	static const struct network_paths paths = { "/l", "/h", "/r", "/raw", "/p", "nobody" };
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_JSON cJSON *v = bridge(config);

	network_dnsmasq(v, &paths, &argv);
	return argv_quote(&argv);
}

static void expect(const char *config, const char *part, const char *not)
{
	AUTO_FREE char *text = line(config);

	if (part)
		has(text, part);
	if (not)
		has_not(text, not);
}

static void dnsmasq(void **state)
{
	expect("{}", NULL, "dnsmasq");
	expect("{\"ipv4.address\":\"10.1.2.1/24\"}", "--dhcp-range=10.1.2.2,10.1.2.254,1h", "enable-ra");
	expect("{\"ipv4.address\":\"10.1.2.129/25\",\"ipv4.dhcp.expiry\":\"5m\"}", "--dhcp-range=10.1.2.130,10.1.2.254,5m", NULL);
	expect("{\"ipv4.address\":\"10.1.2.1/24\",\"ipv4.dhcp\":\"false\"}", "--listen-address=10.1.2.1", "dhcp-range");
	expect("{\"ipv4.address\":\"10.1.2.1/24\",\"ipv4.dhcp.ranges\":\"10.1.2.5-10.1.2.6,10.1.2.8-10.1.2.9\"}",
	       "--dhcp-range=10.1.2.5,10.1.2.6,1h --dhcp-range=10.1.2.8,10.1.2.9,1h", "10.1.2.254");
	expect("{\"ipv4.address\":\"10.1.2.1/24\",\"ipv4.dhcp.gateway\":\"none\",\"bridge.mtu\":\"1400\",\"dns.search\":\"a,b\"}",
	       "--dhcp-option-force=3 --dhcp-option-force=26,1400 --dhcp-option-force=119,a,b", NULL);
	expect("{\"ipv6.address\":\"fd00::1/64\"}", "--dhcp-range=::,constructor:br-1,ra-stateless,ra-names", "10.");
	expect("{\"ipv6.address\":\"fd00::1/64\",\"ipv6.dhcp\":\"false\"}", "ra-only", "ra-names");
	expect("{\"ipv6.address\":\"fd00::1/64\",\"ipv6.dhcp.stateful\":\"true\"}", "--dhcp-range=fd00::2,fd00::ffff:ffff:ffff:ffff,64,1h",
	       "constructor");
	expect("{\"ipv4.address\":\"10.1.2.1/24\",\"dns.mode\":\"none\"}", "--dhcp-ignore-names", "domain");
	expect("{\"ipv4.address\":\"10.1.2.1/24\",\"dns.mode\":\"dynamic\",\"dns.domain\":\"x\"}", "--domain=x --local=/x/", "ignore-names");
	expect("{\"ipv4.address\":\"10.1.2.1/24\",\"raw.dnsmasq\":\"a\"}", "--conf-file=/raw", "/dev/null");
}

static void interfaces(void **state)
{
	AUTO_JSON cJSON *v = cJSON_Parse("{\"name\":\"n\",\"type\":\"macvlan\",\"config\":{\"parent\":\"eth0\",\"vlan\":\"7\"}}");
	AUTO_JSON cJSON *br = bridge("{}");
	char name[16], mac[18], other[18];

	network_interface(v, name);
	assert_string_equal(name, "eth0.7");
	network_interface(br, name);
	assert_string_equal(name, "br-1");
	network_hwaddr(br, "/a", mac);
	network_hwaddr(br, "/b", other);
	assert_string_not_equal(mac, other);
	assert_int_equal(strncmp(mac, "00:16:3e:", 9), 0);
	json_set_str(json_obj(br, "config"), "bridge.hwaddr", "02:00:00:00:00:01");
	network_hwaddr(br, "/a", mac);
	assert_string_equal(mac, "02:00:00:00:00:01");
}

/* Of an interface that is not there: all that it needs. */
static void batches(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_JSON cJSON *v = bridge("{\"ipv4.address\":\"10.1.2.1/24\",\"ipv6.address\":\"fd00::1/64\",\"bridge.mtu\":\"1400\","
				    "\"ipv4.routes\":\"10.9.0.0/16\"}");
	AUTO_JSON cJSON *old = bridge("{\"ipv4.address\":\"10.1.2.1/24\",\"ipv4.routes\":\"10.8.0.0/16,10.9.0.0/16\"}");

	json_set_str(v, "name", "nosuchbridge0");
	network_batch_link(v, "/a", &text);
	has(text.buf, "link add name nosuchbridge0 address 00:16:3e:");
	has(text.buf, "link set dev nosuchbridge0 mtu 1400\n");
	strbuf_reset(&text);
	network_batch_addresses(v, old, &text);
	has(text.buf, "addr replace 10.1.2.1/24 dev nosuchbridge0 brd +\naddr replace fd00::1/64 dev nosuchbridge0 nodad\n");
	has(text.buf, "route del 10.8.0.0/16 dev nosuchbridge0 proto static\n");
	has(text.buf, "route replace 10.9.0.0/16 dev nosuchbridge0 proto static\n");
	has_not(text.buf, "route del 10.9.0.0/16");
	strbuf_reset(&text);
	json_set_str(json_obj(v, "config"), "ipv4.address", "none");
	json_set_str(json_obj(v, "config"), "ipv6.address", "none");
	json_set_str(json_obj(v, "config"), "ipv6.routes", "fd99::/64");
	network_batch_addresses(v, old, &text);
	has(text.buf, "route del 10.8.0.0/16");
	has(text.buf, "route del 10.9.0.0/16");
	has_not(text.buf, "fd99");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sides), cmocka_unit_test(tables), cmocka_unit_test(rules), cmocka_unit_test(dnsmasq),
		cmocka_unit_test(interfaces), cmocka_unit_test(batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
