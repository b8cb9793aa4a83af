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
#include "model/device.h"
#include "model/nic.h"
#include "model/nic_network.h"

static cJSON *parse(const char *text)
{
	struct error err = ERROR_INIT;
	cJSON *v = json_parse(text, strlen(text), &err);

	if (!v)
		fail_msg("%s: %s", text, err.msg);
	return v;
}

/* "" when the devices pass, else the message. */
static const char *check(const char *text)
{
	static struct error err;
	AUTO_JSON cJSON *devices = parse(text);

	error_clear(&err);
	if (devices_validate(devices, &err) == 0)
		return "";
	assert_int_equal(err.code, ERROR_INVALID);
	return err.msg;
}

static void good_devices(void **state)
{
	static const char *const good[] = {
		"{}",
		"null",
		"{\"eth0\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":\"br0\"},\"root\":{\"type\":"
		"\"disk\",\"path\":\"/\",\"pool\":\"default\"}}",
		"{\"eth0\":{\"type\":\"nic\",\"network\":\"br0\",\"name\":\"eth0\",\"hwaddr\":\"00:16:3e:00:"
		"00:01\",\"mtu\":\"1400\","
		"\"ipv4.address\":\"10.0.0.2/"
		"24\",\"ipv4.gateway\":\"auto\",\"ipv6.address\":\"fd00::2\",\"ipv6.gateway\":\"none\","
		"\"limits.ingress\":\"10Mbit\",\"limits.egress\":\"1Gbit\"}}",
		"{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"overlay\"}}",
		"{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"dir\"}}",
		"{\"p\":{\"type\":\"nic\",\"nictype\":\"p2p\"}}",
		"{\"r\":{\"type\":\"nic\",\"nictype\":\"routed\",\"parent\":\"eth0\",\"ipv4.address\":\"10.0.0.1, 10.0.0.2\","
		"\"ipv4.gateway\":\"none\",\"ipv4.host_table\":\"4294967295\",\"ipv6.neighbor_probe\":\"false\",\"ipv4.routes\":\"10.0.0.0/8,10.1.1.1/32\"}}",
		"{\"m\":{\"type\":\"nic\",\"nictype\":\"macvlan\",\"parent\":\"eth0\"}}",
		"{\"h\":{\"type\":\"nic\",\"nictype\":\"physical\",\"parent\":\"eth1\"}}",
		"{\"d\":{\"type\":\"disk\",\"source\":\"/srv/a "
		"b\",\"path\":\"/mnt\",\"readonly\":\"true\",\"optional\":\"1\",\"shift\":\"false\","
		"\"recursive\":\"false\",\"propagation\":\"rslave\"}}",
		"{\"c\":{\"type\":\"unix-char\",\"path\":\"/dev/zero2\",\"source\":\"/dev/"
		"zero\",\"mode\":\"0666\",\"uid\":\"5\",\"gid\":\"6\"}}",
		"{\"b\":{\"type\":\"unix-block\",\"path\":\"/dev/"
		"b\",\"major\":\"7\",\"minor\":\"0\",\"required\":\"false\"}}",
		"{\"n\":{\"type\":\"none\"}}",
		"{\"eth0\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"mtu\":\"\"}}", /* "" is unset */
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (*check(good[i]))
			fail_msg("%s: %s", good[i], check(good[i]));
	}
}

#define NIC(more) "{\"e\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":\"br0\"," more "}}"
#define DISK(more) "{\"d\":{\"type\":\"disk\",\"source\":\"/srv\",\"path\":\"/mnt\"," more "}}"
#define NODE(more) "{\"c\":{\"type\":\"unix-char\"," more "}}"

static void bad_devices(void **state)
{
	static const char *const bad[][2] = {
		{ "[]", "must be an object" },
		{ "{\"x\":1}", "Device validation failed for \"x\": must be an object" },
		{ "{\"x\":{}}", "Device validation failed for \"x\": Failed loading device \"x\": "
				"Missing device type in config" },
		{ "{\"x\":{\"type\":\"tpm\"}}",
		  "Failed loading device \"x\": Unsupported device type \"tpm\"" },
		{ "{\"x\":{\"type\":\"proxy\"}}", "Missing required device option \"listen\"" },
		{ "{\"x\":{\"type\":\"none\",\"a\":\"b\"}}", "Invalid device option \"a\"" },
		{ "{\"a+b\":{\"type\":\"none\"}}", "Device validation failed for \"a+b\": Name can only contain alphanumeric, forward slash" },
		{ "{\"\":{\"type\":\"none\"}}", "Device validation failed for \"\": Name must be 1-63 characters long" },
		{ "{\"..\":{\"type\":\"none\"}}", "Name must not start with \".\" character" },
		{ "{\"a b\":{\"type\":\"none\"}}", "Name can only contain" },
		{ "{\"a\\nb\":{\"type\":\"none\"}}", "Device validation failed for \"a?b\": Name can only" },
		{ "{\"$(id)\":{\"type\":\"none\"}}", "Name can only contain" },
		{ "{\"e\":{\"type\":\"nic\"}}", "nictype" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"bridged\"}}", "\"parent\"" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"sriov\",\"parent\":\"x\"}}",
		  "bridged, p2p, macvlan, physical or routed" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"ipv4.address\":\"10.0.0.1,10.0.0.2\"}}", "only routed" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"ipv4.host_table\":\"7\"}}", "Invalid device option" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"routed\",\"ipv4.host_table\":\"-1\"}}", "number of a routing table" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"routed\",\"ipv4.routes\":\"10.0.0.0/8\"}}", "ipv4.routes requires ipv4.address" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"ipv4.routes\":\"10.0.0.1/8\"}}", "Item \"10.0.0.1/8\": Not an IPv4 network address" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"ipv6.routes\":\"fd42::/64,10.0.0.0/8\"}}", "Item \"10.0.0.0/8\": invalid CIDR address" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"macvlan\",\"parent\":\"x\",\"ipv4.routes\":\"10.0.0.0/8\"}}",
		  "Invalid device option" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"routed\",\"ipv4.address\":\",\"}}", "must be an IPv4 address" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"routed\",\"ipv6.address\":\"fd42::1/64\"}}", "Not an IPv6 address" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"routed\",\"ipv6.address\":\"fd42::1, fd42::1\"}}", "Duplicate" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"routed\",\"ipv6.gateway\":\"fd42::1\"}}", "Invalid gateway" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"parent\":\"x\"}}", "a p2p nic has none" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"macvlan\",\"network\":\"x\"}}",
		  "one or the other" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"macvlan\",\"parent\":\"x\",\"limits.max\":"
		  "\"1Mbit\"}}",
		  "needs a bridged, p2p or routed" },
		{ NIC("\"name\":\"waytoolongforaname\""), "Invalid value for device option \"name\"" },
		{ NIC("\"name\":\"a/b\""), "\"name\"" },
		{ NIC("\"hwaddr\":\"nonsense\""), "MAC address" },
		{ NIC("\"hwaddr\":\"01:00:5e:00:00:01\""), "MAC address" },
		{ NIC("\"mtu\":\"10\""), "68 to 65535" },
		{ NIC("\"ipv4.address\":\"999.1.1.1\""), "IPv4 address" },
		{ NIC("\"ipv4.address\":\"10.0.0.1/33\""), "IPv4 address" },
		{ NIC("\"ipv4.gateway\":\"router\""), "auto or none" },
		{ NIC("\"ipv6.address\":\"10.0.0.1\""), "IPv6 address" },
		{ NIC("\"limits.ingress\":\"fast\""), "rate" },
		{ NIC("\"limits.ingress\":\"1Mbit; reboot\""), "rate" },
		{ NIC("\"nosuch\":\"1\""), "Invalid device option \"nosuch\"" },
		{ NIC("\"mtu\":1400"), "must be a string" },
		{ "{\"d\":{\"type\":\"disk\",\"source\":\"/srv\"}}",
		  "Disk entry is missing the required \"source\" or \"path\" property: it has no path" },
		{ "{\"d\":{\"type\":\"disk\",\"path\":\"/mnt\"}}",
		  "property: it has no source" },
		{ "{\"d\":{\"type\":\"disk\",\"source\":\"srv\",\"path\":\"/mnt\"}}", "absolute path" },
		{ "{\"d\":{\"type\":\"disk\",\"source\":\"/srv\",\"path\":\"../mnt\"}}", "must be a path" },
		{ "{\"d\":{\"type\":\"disk\",\"source\":\"/srv\",\"path\":\"/a/../b\"}}", "'..'" },
		{ "{\"d\":{\"type\":\"disk\",\"source\":\"/srv\",\"path\":\"/a\\nb\"}}",
		  "control characters" },
		{ "{\"d\":{\"type\":\"disk\",\"source\":\"/srv\",\"path\":\"//\"}}", "must be a path" },
		{ DISK("\"pool\":\"default\""), "absolute paths" },
		{ DISK("\"size\":\"1GiB\""), "root disk" },
		{ DISK("\"readonly\":\"maybe\""), "Invalid value for a boolean \"maybe\"" },
		{ DISK("\"propagation\":\"sideways\""), "private, shared" },
		{ "{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"size\":\"much\"}}", "must be a size" },
		{ "{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"no/such\"}}", "no name of a storage pool" },
		{ "{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"source\":\"/srv\"}}",
		  "may not have a \"source\"" },
		{ "{\"root\":{\"type\":\"disk\",\"path\":\"/\",\"readonly\":\"true\"}}",
		  "no option \"readonly\"" },
		{ "{\"a\":{\"type\":\"disk\",\"path\":\"/\"},\"b\":{\"type\":\"disk\",\"path\":\"/\"}}",
		  "More than one disk device uses the same path \"/\"" },
		{ "{\"a\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"name\":\"e\"},\"b\":{\"type\":\"nic\","
		  "\"nictype\":\"p2p\",\"name\":\"e\"}}",
		  "Devices \"a\" and \"b\" have the same name \"e\"" },
		{ NODE("\"uid\":\"0\""), "missing the required" },
		{ NODE("\"path\":\"/dev/x;reboot\""), "absolute path of letters" },
		{ NODE("\"path\":\"/dev/$(reboot)\""), "absolute path of letters" },
		{ NODE("\"source\":\"/dev/a b\""), "absolute path of letters" },
		{ NODE("\"path\":\"/\""), "must name a node" },
		{ NODE("\"path\":\"/dev/x\",\"major\":\"1\""), "Both major and minor" },
		{ NODE("\"path\":\"/dev/x\",\"mode\":\"4755\""), "octal mode" },
		{ NODE("\"path\":\"/dev/x\",\"uid\":\"-1\""), "an id" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *msg;

		msg = check(bad[i][0]);
		if (!*msg || !strstr(msg, bad[i][1]))
			fail_msg("%s: '%s', not '%s'", bad[i][0], msg, bad[i][1]);
	}
}

static void host_checks(void **state)
{
	static const char *const bad[][2] = {
		{ "{\"bad\":{\"type\":\"disk\",\"source\":\"/nosuch\",\"path\":\"/x\"}}",
		  "Missing source path \"/nosuch\" for disk \"bad\"" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":\"nosuchbr0\"}}",
		  "Parent device \"nosuchbr0\" doesn't exist" },
		{ "{\"e\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":\"lo\"}}",
		  "Parent device \"lo\" is not a bridge" },
		{ "{\"c\":{\"type\":\"unix-char\",\"path\":\"/nosuch\"}}", "doesn't exist" },
		{ "{\"c\":{\"type\":\"unix-block\",\"source\":\"/dev/zero\",\"path\":\"/dev/b\"}}",
		  "is not a block device" },
	};
	AUTO_JSON cJSON *fine = parse(
		"{\"d\":{\"type\":\"disk\",\"source\":\"/nosuch\",\"path\":\"/x\",\"optional\":\"true\"},"
		"\"r\":{\"type\":\"disk\",\"path\":\"/\"},\"t\":{\"type\":\"disk\",\"source\":\"/"
		"tmp\",\"path\":\"/t\"},"
		"\"p\":{\"type\":\"nic\",\"nictype\":\"p2p\"},\"z\":{\"type\":\"unix-char\",\"path\":\"/dev/"
		"zero\"},"
		"\"q\":{\"type\":\"unix-char\",\"path\":\"/"
		"nosuch\",\"required\":\"false\"},\"n\":{\"type\":\"none\"}}");
	struct error err = ERROR_INIT;

	assert_int_equal(devices_check_start(fine, &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_JSON cJSON *devices = parse(bad[i][0]);

		assert_int_equal(devices_check_start(devices, &err), -1);
		assert_non_null(strstr(err.msg, bad[i][1]));
		assert_ptr_equal(strstr(err.msg, "Failed to start device \""), err.msg);
		assert_int_equal(devices_check_added(NULL, devices, &err), -1);
		assert_ptr_equal(strstr(err.msg, "Failed add validation for device \""), err.msg);
		/* what was there before is not looked at again */
		assert_int_equal(devices_check_added(devices, devices, &err), 0);
	}
}

static void hardware_of_running_instances(void **state)
{
	AUTO_JSON cJSON *gone = parse("{\"u\":{\"type\":\"usb\",\"vendorid\":\"046d\",\"required\":\"true\"}}");
	AUTO_JSON cJSON *may_come = parse("{\"u\":{\"type\":\"usb\",\"vendorid\":\"046d\"},\"n\":{\"type\":\"none\"}}");
	struct error err = ERROR_INIT;

	assert_int_equal(devices_check_hardware(NULL, may_come, &err), 0);
	assert_int_equal(devices_check_hardware(gone, gone, &err), 0);
	assert_int_equal(devices_check_hardware(NULL, gone, &err), -1);
	assert_string_equal(err.msg, "Failed to start device \"u\": Required USB device not found");
}

/* What check says of new devices, from its first word on. */
static void check_networks(const char *devices, const char *message)
{
	AUTO_JSON cJSON *v = parse(devices);
	struct error err = ERROR_INIT;

	assert_int_equal(devices_check_networks(NULL, v, &err), *message ? -1 : 0);
	assert_string_equal(err.msg, message);
	assert_int_equal(devices_check_networks(v, v, &err), 0);
}

static void networks_of_nics(void **state)
{
	nic_network_set("kept0", &(struct nic_network){ "bridge", "kept0", NULL, "10.1.2.1/24", "fd42::1/64" });
	nic_network_set("vlan", &(struct nic_network){ "macvlan", "eth0", NULL, NULL, NULL });
	check_networks("{\"n\":{\"type\":\"nic\",\"network\":\"nosuchbr0\"}}",
		       "Device validation failed for \"n\": Failed loading device \"n\": Failed to load network \"nosuchbr0\" for project "
		       "\"default\": Network not found");
	check_networks("{\"n\":{\"type\":\"nic\",\"network\":\"kept0\",\"ipv4.address\":\"10.1.3.4\"}}",
		       "Device validation failed for \"n\": Device IP address \"10.1.3.4\" not within network \"kept0\" subnet");
	check_networks("{\"n\":{\"type\":\"nic\",\"network\":\"kept0\",\"ipv6.address\":\"fd43::2/64\"}}",
		       "Device validation failed for \"n\": Device IP address \"fd43::2\" not within network \"kept0\" subnet");
	check_networks("{\"n\":{\"type\":\"nic\",\"network\":\"kept0\",\"ipv4.address\":\"10.1.2.4/24\",\"ipv6.address\":\"fd42::4\"}}", "");
	check_networks("{\"n\":{\"type\":\"nic\",\"network\":\"vlan\",\"ipv4.address\":\"10.1.3.4\"},\"d\":{\"type\":\"none\"}}", "");
	nic_network_set("kept0", NULL);
	nic_network_set("vlan", NULL);
}

static void nic_names(void **state)
{
	AUTO_JSON cJSON *devices = parse("{\"eth0\":{\"type\":\"nic\",\"nictype\":\"p2p\"},\"lan\":{\"type\":"
					 "\"nic\",\"nictype\":\"p2p\"},"
					 "\"wan\":{\"type\":\"nic\",\"nictype\":\"p2p\"},\"x\":{\"type\":"
					 "\"nic\",\"nictype\":\"p2p\",\"name\":\"eth2\"},"
					 "\"v\":{\"type\":\"nic\",\"nictype\":\"p2p\"}}");
	AUTO_JSON cJSON *config = parse(
		"{\"volatile.v.name\":\"kept0\",\"volatile.v.host_name\":\"vethkept\","
		"\"volatile.v.hwaddr\":\"00:16:3e:00:00:09\"}");
	static const char *const want[][2] = {
		{ "eth0", "eth0" }, { "lan", "eth1" }, { "wan", "eth3" }, { "x", "eth2" }, { "v", "kept0" }
	};
	struct nic_source here = { config, devices, "/var/lib/lxc/c1" },
			  there = { config, devices, "/srv/lxc/c1" };
	struct nic nic, other;

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		nic_resolve(&here, want[i][0], json_obj(devices, want[i][0]), &nic);
		assert_string_equal(nic.guest, want[i][1]);
		assert_true(strlen(nic.host) < IFNAMSIZ);
	}
	assert_string_equal(nic.host, "vethkept");
	assert_string_equal(nic.hwaddr, "00:16:3e:00:00:09");
	nic_resolve(&here, "lan", json_obj(devices, "lan"), &nic);
	nic_resolve(&here, "wan", json_obj(devices, "wan"), &other);
	assert_string_not_equal(nic.host, other.host);
	nic_resolve(&there, "lan", json_obj(devices, "lan"), &other); /* two daemons side by side */
	assert_string_not_equal(nic.host, other.host);
}

/* As many as nobody has: what is the third power of them does not end. */
static void nic_names_of_many(void **state)
{
	enum { MANY = 5000 };
	AUTO_JSON cJSON *devices = cJSON_CreateObject(), *config = cJSON_CreateObject();
	struct nic_source src = { config, devices, "/var/lib/lxc/c1" };
	struct nic nic;

	for (int i = 0; i < MANY; i++) {
		AUTO_FREE char *name = mem_printf("d%04d", i), *other = mem_printf("e%04d", i);
		AUTO_FREE char *key = mem_printf("volatile.%s.name", other), *kept = mem_printf("eth%d", 2 * i);

		cJSON_AddItemToObject(devices, name, parse("{\"type\":\"nic\",\"nictype\":\"p2p\"}"));
		cJSON_AddItemToObject(devices, other, parse("{\"type\":\"nic\",\"nictype\":\"p2p\"}"));
		cJSON_AddItemToObject(config, key, cJSON_CreateString(kept));
	}
	nic_resolve(&src, "d0000", json_obj(devices, "d0000"), &nic);
	assert_string_equal(nic.guest, "eth1");
	nic_resolve(&src, "d4999", json_obj(devices, "d4999"), &nic);
	assert_string_equal(nic.guest, "eth9999");
	nic_resolve(&src, "e4999", json_obj(devices, "e4999"), &nic);
	assert_string_equal(nic.guest, "eth9998");
}

static void nic_addresses(void **state)
{
	/* lo is the only interface there always is; a bridge's network works the same */
	AUTO_JSON cJSON *devices = parse("{\"a\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":\"lo\","
					 "\"ipv4.address\":\"127.9.9.9\","
					 "\"ipv6.address\":\"fd00::5\"},"
					 "\"b\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":"
					 "\"nosuch0\",\"ipv4.address\":\"10.0.0.5\","
					 "\"limits.max\":\"1Mbit\",\"limits.egress\":\"2Mbit\"},"
					 "\"c\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"ipv4.address\":\"10."
					 "0.0.5/30\",\"ipv4.gateway\":\"10.0.0.6\"}}");
	struct nic_source src = { NULL, devices, "/x" };
	struct nic nic;

	nic_resolve(&src, "a", json_obj(devices, "a"), &nic);
	assert_string_equal(nic.ip4.text, "127.9.9.9/8");
	assert_string_equal(nic.ip4.gateway, "127.0.0.1");
	assert_string_equal(nic.ip6.text, "fd00::5/64");
	assert_string_equal(nic.ip6.gateway, "");
	nic_resolve(&src, "b", json_obj(devices, "b"), &nic);
	assert_string_equal(nic.ip4.text, "10.0.0.5/24");
	assert_string_equal(nic.ip4.gateway, "");
	assert_int_equal(nic.ingress, 1000000);
	assert_int_equal(nic.egress, 2000000);
	nic_resolve(&src, "c", json_obj(devices, "c"), &nic);
	assert_string_equal(nic.ip4.text, "10.0.0.5/30");
	assert_string_equal(nic.ip4.gateway, "10.0.0.6");
	assert_null(nic.parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_devices),	 cmocka_unit_test(bad_devices),
		cmocka_unit_test(host_checks),	 cmocka_unit_test(networks_of_nics),
		cmocka_unit_test(nic_names),	 cmocka_unit_test(nic_names_of_many),
		cmocka_unit_test(hardware_of_running_instances),
		cmocka_unit_test(nic_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
