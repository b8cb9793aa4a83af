/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "network/network_keys.h"

static void check(const char *type, const char *json, enum error_code code, const char *part)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *config = cJSON_Parse(json);

	assert_int_equal(network_check_config("br1", type, config, &err), code == ERROR_NONE ? 0 : -1);
	assert_int_equal(err.code, code);
	if (part && !strstr(err.msg, part))
		fail_msg("'%s' is not in: %s", part, err.msg);
}

static void good_values(void **state)
{
	check("bridge", "{}", ERROR_NONE, NULL);
	check("bridge",
	      "{\"ipv4.address\":\"10.1.2.1/24\",\"ipv6.address\":\"fd00::1/64\",\"ipv4.nat\":\"true\",\"ipv4.nat.order\":\"after\","
	      "\"ipv4.dhcp.ranges\":\"10.1.2.5-10.1.2.9, 10.1.2.20-10.1.2.20\",\"ipv4.dhcp.expiry\":\"2h\",\"dns.search\":\"a.b,c\","
	      "\"ipv4.routes\":\"10.5.0.0/16,10.6.1.1/32\",\"bridge.mtu\":\"9000\",\"bridge.driver\":\"native\",\"user.x y\":\"\"}",
	      ERROR_INVALID, "user.x y");
	check("bridge",
	      "{\"ipv4.address\":\"auto\",\"ipv6.address\":\"none\",\"dns.mode\":\"dynamic\",\"dns.domain\":\"lan\","
	      "\"raw.dnsmasq\":\"a\\nb\",\"user.x\":\"1\\n2\",\"ipv6.dhcp.expiry\":\"infinite\",\"ipv4.nat\":\"\"}",
	      ERROR_NONE, NULL);
	check("macvlan", "{\"parent\":\"eth0\",\"mtu\":\"1400\",\"vlan\":\"4094\",\"gvrp\":\"true\"}", ERROR_NONE, NULL);
}

static void bad_values(void **state)
{
	static const char *const bad[] = {
		"ipv4.address\":\"10.1.2.1", "ipv4.address\":\"10.1.2.0/24", "ipv4.address\":\"10.1.2.1/33",
		"ipv4.address\":\"fd00::1/64", "ipv6.address\":\"10.1.2.1/24", "ipv4.address\":\"10.1.2.1/24 dev lo",
		"ipv4.nat\":\"2", "ipv4.nat.order\":\"first", "ipv4.nat.address\":\"fd00::1", "ipv4.dhcp.ranges\":\"10.1.2.9",
		"ipv4.dhcp.ranges\":\"10.1.2.9-10.1.2.5", "ipv4.dhcp.ranges\":\"10.1.2.9-fd00::1", "ipv4.dhcp.expiry\":\"1y",
		"ipv4.dhcp.expiry\":\"-1h", "ipv4.dhcp.expiry\":\"1h,2", "ipv4.dhcp.gateway\":\"here", "ipv4.routes\":\"10.5.0.1/16",
		"ipv4.routes\":\"10.5.0.0", "bridge.mtu\":\"100", "bridge.mtu\":\"1e4", "bridge.hwaddr\":\"01:00:00:00:00:01",
		"bridge.external_interfaces\":\"eth0,../x", "dns.mode\":\"all", "dns.domain\":\"a b", "dns.domain\":\"-x",
		"dns.search\":\"a,,b/c", "user.x\":\"\\u0007", "raw.dnsmasq\":\"\\u0007",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char json[128] = "{\"";

		strcat(strcat(json, bad[i]), "\"}");
		check("bridge", json, ERROR_INVALID, "Invalid value for network \"br1\" option \"");
	}
	check("bridge", "{\"mtu\":\"1400\"}", ERROR_INVALID, "Invalid option for network \"br1\" option \"mtu\"");
	check("bridge", "{\"nosuch\":\"1\"}", ERROR_INVALID, "Invalid option for network \"br1\" option \"nosuch\"");
	check("bridge", "{\"nosuch\":\"\"}", ERROR_INVALID, "option \"nosuch\"");
	check("bridge", "{\"ipv4.nat\":true}", ERROR_INVALID, "must be a text");
	check("bridge", "[]", ERROR_INVALID, "must be an object");
	check("macvlan", "{}", ERROR_INVALID, "Required value");
	check("physical", "{\"parent\":\"enp0s31f6abcde\",\"vlan\":\"100\"}", ERROR_INVALID, "more than 15");
	check("bridge", "{\"ipv4.address\":\"10.1.2.1/24\",\"ipv4.dhcp.ranges\":\"10.1.3.5-10.1.3.9\"}", ERROR_INVALID,
	      "does not fall within any of the allowed networks [10.1.2.0/24]");
}

/* What LXD has and berth has not is refused by name, also when it is one of many. */
static void absent(void **state)
{
	static const char *const keys[] = { "bgp.peers.a.address", "fan.type", "tunnel.t.protocol", "maas.subnet.ipv4", "ipv4.ovn.ranges",
					    "security.acls", "security.acls.default.ingress.action", "dns.zone.forward" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char json[128] = "{\"user.a\":\"1\",\"";

		strcat(strcat(json, keys[i]), "\":\"x\"}");
		check("bridge", json, ERROR_UNSUPPORTED, "not supported: ");
	}
	check("bridge", "{\"security.aclsx\":\"1\"}", ERROR_INVALID, NULL);
	check("bridge", "{\"bridge.driver\":\"openvswitch\"}", ERROR_UNSUPPORTED, "native");
	check("bridge", "{\"bridge.mode\":\"fan\"}", ERROR_UNSUPPORTED, "fan");
	check("physical", "{\"parent\":\"eth0\",\"ipv4.gateway\":\"10.0.0.1/24\"}", ERROR_UNSUPPORTED, "OVN");
}

static void names_and_types(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(network_check_name("br0", &err), 0);
	assert_int_equal(network_check_name("a", &err), -1);
	assert_string_equal(err.msg, "Network interface is too short (minimum 2 characters)");
	assert_int_equal(network_check_name("0123456789abcdef", &err), -1);
	assert_string_equal(err.msg, "Network interface is too long (maximum 15 characters)");
	assert_int_equal(network_check_name("..", &err), -1);
	assert_int_equal(network_check_name("-x", &err), -1);
	assert_int_equal(network_check_name("a b", &err), -1);
	assert_string_equal(err.msg, "Network interface contains invalid characters");
	assert_int_equal(network_check_type("macvlan", &err), 0);
	assert_int_equal(network_check_type("ovn", &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	assert_int_equal(network_check_type("x", &err), -1);
	assert_string_equal(err.msg, "Unknown driver");
}

static void defaults(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *config = cJSON_Parse("{\"ipv6.address\":\"none\"}");
	AUTO_JSON cJSON *taken = cJSON_Parse("[{\"name\":\"x\",\"type\":\"bridge\",\"config\":{\"ipv4.address\":\"10.0.0.1/8\"}}]");

	assert_int_equal(network_fill_config("bridge", config, NULL, true, &err), 0);
	assert_int_equal(network_check_config("br1", "bridge", config, &err), 0);
	assert_int_equal(strncmp(json_str(config, "ipv4.address"), "10.", 3), 0);
	assert_string_equal(json_str(config, "ipv4.nat"), "true");
	assert_null(json_str(config, "ipv6.nat"));
	json_set_str(config, "ipv4.address", "auto");
	assert_int_equal(network_fill_config("bridge", config, taken, false, &err), -1); /* all of it is taken */
	json_set(config, "ipv4.address", NULL);
	assert_int_equal(network_fill_config("bridge", config, taken, false, &err), 0);
	assert_null(json_str(config, "ipv4.address"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_values), cmocka_unit_test(bad_values), cmocka_unit_test(absent),
		cmocka_unit_test(names_and_types), cmocka_unit_test(defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
