/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "network/network_forward.h"

#define NETWORK "{\"name\":\"br1\",\"type\":\"bridge\",\"config\":{\"ipv4.address\":\"10.1.2.1/24\",\"ipv6.address\":\"none\"}}"
#define PORT(members) "{\"protocol\":\"tcp\",\"listen_port\":\"80\",\"target_address\":\"10.1.2.3\"" members "}"

/* want NULL: good */
static void assert_check(const char *network, const char *listen, const char *target, const char *ports, const char *want)
{
	AUTO_JSON cJSON *object = network ? cJSON_Parse(network) : NULL;
	AUTO_JSON cJSON *forward = cJSON_CreateObject();
	struct error err = ERROR_INIT;
	int rc;

	json_set_str(cJSON_AddObjectToObject(forward, "config"), "target_address", target);
	json_set(forward, "ports", cJSON_Parse(ports));
	rc = network_check_forward(object, listen, forward, &err);
	if (rc != (want ? -1 : 0) || (want && strncmp(err.msg, want, strlen(want)) != 0))
		fail_msg("%s, %s, %s: %d '%s', not '%s'", listen, target, ports, rc, err.msg, want ? want : "");
}

static void targets(void **state)
{
	assert_check(NETWORK, "10.9.9.9", "", "[]", NULL);
	assert_check(NETWORK, "10.9.9.9", "10.1.2.7", "[" PORT("") "]", NULL);
	assert_check(NETWORK, "foo", "bar", "[]", NULL); /* forward_network_put() says it */
	assert_check(NETWORK, "10.9.9.9", "foo", "[]", "Invalid default target address");
	assert_check(NETWORK, "10.9.9.9", "fd42::1", "[]", "Cannot mix IP versions in listen address and default target address");
	assert_check(NETWORK, "10.9.9.9", "10.1.3.7", "[]", "Default target address is not within the network subnet");
	assert_check(NULL, "10.9.9.9", "10.1.3.7", "[" PORT("") "]", NULL);
	assert_check(NETWORK, "fd43::1", "fd42::1", "[]", NULL); /* it has no such subnet */
	assert_check(NETWORK, "10.9.9.9", "10.1.2.3", "[" PORT("") "]",
		     "Target address is same as default target address in port specification 0");
	assert_check(NETWORK, "fd43::1", "", "[" PORT("") "]",
		     "Cannot mix IP versions in listen address and port specification 0 target address");
	assert_check(NETWORK, "10.9.9.9", "", "[{\"protocol\":\"udp\",\"listen_port\":\"1\",\"target_address\":\"10.1.3.1\"}]",
		     "Target address is not within the network subnet in port specification 0");
	assert_check(NETWORK, "10.9.9.9", "", "[{\"protocol\":\"udp\",\"listen_port\":\"1\",\"target_address\":\"x\"}]",
		     "Invalid target address in port specification 0");
}

static void ports(void **state)
{
	assert_check(NETWORK, "10.9.9.9", "", "[" PORT("") ",{\"protocol\":\"udp\",\"listen_port\":\"80\",\"target_address\":\"10.1.2.3\"}]", NULL);
	assert_check(NETWORK, "10.9.9.9", "", "[" PORT("") ",{\"protocol\":\"tcp\",\"listen_port\":\"1,70-90\",\"target_address\":\"10.1.2.3\"}]",
		     "Duplicate listen port 80 for protocol \"tcp\" in port specification 1");
	assert_check(NETWORK, "10.9.9.9", "", "[{\"protocol\":\"sctp\"}]", "Invalid port protocol in port specification 0");
	assert_check(NETWORK, "10.9.9.9", "", "[7, {}]", "Invalid port protocol in port specification 0");
	assert_check(NETWORK, "10.9.9.9", "", "[{\"protocol\":\"tcp\",\"listen_port\":\"9-1\",\"target_address\":\"10.1.2.3\"}]",
		     "Invalid listen port in port specification 0: ");
	assert_check(NETWORK, "10.9.9.9", "", "[" PORT(",\"target_port\":\"x\"") "]", "Invalid target port in port specification 0: ");
	assert_check(NETWORK, "10.9.9.9", "", "[" PORT(",\"target_port\":\"1-2\"") "]",
		     "Mismatch of listen port(s) and target port(s) count in port specification 0");
	assert_check(NETWORK, "10.9.9.9", "", "[" PORT(",\"target_port\":\"1\"") "]", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
