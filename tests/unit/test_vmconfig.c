/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "panel/vmconfig.h"

static char pub[] = "lxcbr0", nat[] = "lxcbr1";
static const struct settings settings = { .network_pub = pub, .network_nat = nat };

static int parse(const char *text, struct vmconfig *c, struct error *err)
{
	AUTO_JSON cJSON *object = json_parse(text, strlen(text), err);

	assert_non_null(object);
	error_clear(err);
	return vmconfig_parse(&settings, object, c, err);
}

static void refused(const char *text, const char *why)
{
	AUTO_VMCONFIG struct vmconfig c = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(text, &c, &err), -1);
	if (strstr(err.msg, why) == NULL)
		fail_msg("%s: '%s' lacks '%s'", text, err.msg, why);
	assert_int_equal(err.code, ERROR_INVALID);
}

static void limits(void **state)
{
	AUTO_VMCONFIG struct vmconfig c = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(parse("{\"vm_uuid\":\"c1\",\"os_name\":\"debian\",\"cpu_num\":2,\"cpu_per\":150,\"ram_num\":\"1.5\","
			       "\"hdd_num\":10,\"os_pass\":null}", &c, &err), 0);
	assert_string_equal(c.name, "c1");
	assert_string_equal(c.os_name, "debian");
	assert_null(c.os_pass);
	assert_string_equal(json_str(c.config, "limits.cpu"), "2");
	assert_string_equal(json_str(c.config, "limits.cpu.allowance"), "150ms/100ms");
	assert_string_equal(json_str(c.config, "limits.memory"), "1536MiB");
	assert_string_equal(c.size, "10GiB");
	assert_int_equal(cJSON_GetArraySize(c.warnings), 0);
}

static void zero_is_no_limit(void **state)
{
	AUTO_VMCONFIG struct vmconfig c = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(parse("{\"cpu_num\":0,\"mem_num\":0,\"speed_u\":0,\"speed_d\":20}", &c, &err), 0);
	assert_string_equal(json_str(c.config, "limits.cpu"), "");
	assert_string_equal(json_str(c.config, "limits.memory"), "");
	assert_string_equal(json_str(c.speeds, "limits.egress"), "");
	assert_string_equal(json_str(c.speeds, "limits.ingress"), "20Mbit");
	assert_null(c.nics);
	assert_null(c.volumes);
	assert_null(c.forwards);
}

static void nics(void **state)
{
	AUTO_VMCONFIG struct vmconfig c = { 0 };
	struct error err = ERROR_INIT;
	const cJSON *a, *b;

	assert_int_equal(parse("{\"nic_all\":{\"a\":{\"nic_type\":\"pub\",\"mac_addr\":\"00:16:3e:01:02:03\","
			       "\"ip4_addr\":\"10.0.0.5\",\"nic_mask\":\"255.255.252.0\",\"nic_gate\":\"10.0.0.1\","
			       "\"ip6_addr\":\"fd00::5/64\",\"dns_addr\":[\"10.0.0.1\"]},\"b\":{\"nic_type\":\"nat\"}}}", &c,
			       &err), 0);
	a = json_obj(c.nics, "a");
	b = json_obj(c.nics, "b");
	assert_string_equal(json_str(a, "parent"), "lxcbr0");
	assert_string_equal(json_str(a, "hwaddr"), "00:16:3e:01:02:03");
	assert_string_equal(json_str(a, "ipv4.address"), "10.0.0.5/22");
	assert_string_equal(json_str(a, "ipv4.gateway"), "10.0.0.1");
	assert_string_equal(json_str(a, "ipv6.address"), "fd00::5/64");
	assert_string_equal(json_str(b, "parent"), "lxcbr1");
	assert_null(json_str(b, "ipv4.address"));
	assert_int_equal(cJSON_GetArraySize(c.dns), 1);
}

static void volumes(void **state)
{
	AUTO_VMCONFIG struct vmconfig c = { 0 };
	struct error err = ERROR_INIT;
	const cJSON *v;

	assert_int_equal(parse("{\"hdd_all\":{\"data\":{\"path\":\"/srv\",\"ro\":true},\"log\":{}}}", &c, &err), 0);
	assert_int_equal(cJSON_GetArraySize(c.volumes), 2);
	v = cJSON_GetArrayItem(c.volumes, 0);
	assert_string_equal(json_str(v, "name"), "data");
	assert_string_equal(json_str(v, "path"), "/srv");
	assert_true(json_bool(v, "readonly", false));
	assert_null(json_str(cJSON_GetArrayItem(c.volumes, 1), "path"));
}

static void mistakes_are_named(void **state)
{
	refused("{\"cpu_nun\":1}", "unknown field 'cpu_nun' (did you mean 'cpu_num'?)");
	refused("{\"gpu_num\":1,\"x\":2}", "unknown field");
	refused("{\"cpu_num\":1.5}", "cpu_num must be a whole number");
	refused("{\"cpu_num\":-1}", "cpu_num must be from 0");
	refused("{\"cpu_num\":\"two\"}", "'two'");
	refused("{\"cpu_num\":\"inf\"}", "'inf'");
	refused("{\"cpu_num\":[]}", "cpu_num must be a number");
	refused("{\"ram_num\":1,\"mem_num\":512}", "must not be given both");
	refused("{\"vm_uuid\":7}", "vm_uuid must be a string");
	refused("{\"speed_u\":0.5}", "speed_u must be at least 1");
	refused("{\"nic_all\":[]}", "nic_all must be an object");
	refused("{\"nic_all\":{\"a\":{}}}", "nic_all.a: nic_type '' must be pub or nat");
	refused("{\"nic_all\":{\"a\":{\"nic_type\":\"pub\",\"ip4\":\"\"}}}", "nic_all.a: unknown field 'ip4'");
	refused("{\"nic_all\":{\"a\":{\"nic_type\":\"pub\",\"ip4_addr\":\"1.2.3\"}}}", "ip4_addr '1.2.3'");
	refused("{\"nic_all\":{\"a\":{\"nic_type\":\"pub\",\"ip4_addr\":\"1.2.3.4\",\"nic_mask\":\"255.0.255.0\"}}}",
		"nic_mask '255.0.255.0'");
	refused("{\"nic_all\":{\"a\":{\"nic_type\":\"pub\",\"nic_gate\":\"gw\"}}}", "nic_gate 'gw'");
	refused("{\"nic_all\":{\"a\":{\"nic_type\":\"pub\",\"dns_addr\":[1]}}}", "dns_addr");
	refused("{\"hdd_all\":{\"d\":{\"ro\":1}}}", "hdd_all.d: ro must be true or false");
	refused("{\"nat_all\":{}}", "nat_all must be an array");
	refused("{\"nat_all\":[{\"wan_port\":0}]}", "nat_all[0]: lan_port is missing");
	refused("{\"nat_all\":[{\"wan_port\":-1,\"lan_port\":1}]}", "nat_all[0]: wan_port must be");
}

static void changes(void **state)
{
	AUTO_JSON cJSON *before = cJSON_Parse("{\"cpu_num\":1,\"ram_num\":2,\"nic_all\":{\"a\":{\"x\":1}}}");
	AUTO_JSON cJSON *now = cJSON_Parse("{\"cpu_num\":2,\"ram_num\":2,\"nic_all\":{\"a\":{\"x\":1}},\"os_name\":\"d\"}");
	AUTO_JSON cJSON *diff = vmconfig_changes(before, now);
	AUTO_JSON cJSON *all = vmconfig_changes(NULL, now);

	assert_int_equal(cJSON_GetArraySize(diff), 2);
	assert_int_equal(json_int(diff, "cpu_num", 0), 2);
	assert_string_equal(json_str(diff, "os_name"), "d");
	assert_int_equal(cJSON_GetArraySize(all), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits), cmocka_unit_test(zero_is_no_limit), cmocka_unit_test(nics),
		cmocka_unit_test(volumes), cmocka_unit_test(mistakes_are_named), cmocka_unit_test(changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
