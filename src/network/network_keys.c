/* SPDX-License-Identifier: MIT */
#include "network/network_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/address_maps.h"
#include "model/key_types.h"
#include "network/network_plan.h"
#include "network/network_values.h"

enum { BRIDGE = 1, MACVLAN = 2, PHYSICAL = 4, VALUE_MAX = 65536 };

typedef int (*check_fn)(const char *value, struct error *err);

/* ---- the table */

static const struct key {
	const char *name;
	unsigned types;
	check_fn check;
} keys[] = {
	{ "bridge.driver", BRIDGE, network_is_driver },
	{ "bridge.external_interfaces", BRIDGE, network_is_interfaces },
	{ "bridge.hwaddr", BRIDGE, network_is_mac },
	{ "bridge.mode", BRIDGE, network_is_mode },
	{ "bridge.mtu", BRIDGE, network_is_mtu },
	{ "dns.domain", BRIDGE, network_is_domain },
	{ "dns.mode", BRIDGE, network_is_dns_mode },
	{ "dns.search", BRIDGE, network_is_search },
	{ "gvrp", MACVLAN | PHYSICAL, network_is_bool },
	{ "ipv4.address", BRIDGE, network_is_own4 },
	{ "ipv4.dhcp", BRIDGE, network_is_bool },
	{ "ipv4.dhcp.expiry", BRIDGE, network_is_expiry },
	{ "ipv4.dhcp.gateway", BRIDGE, network_is_gateway4 },
	{ "ipv4.dhcp.ranges", BRIDGE, network_is_ranges4 },
	{ "ipv4.firewall", BRIDGE, network_is_bool },
	{ "ipv4.nat", BRIDGE, network_is_bool },
	{ "ipv4.nat.address", BRIDGE, network_is_ip4 },
	{ "ipv4.nat.order", BRIDGE, network_is_order },
	{ "ipv4.routes", BRIDGE, network_is_routes4 },
	{ "ipv4.routing", BRIDGE, network_is_bool },
	{ "ipv6.address", BRIDGE, network_is_own6 },
	{ "ipv6.dhcp", BRIDGE, network_is_bool },
	{ "ipv6.dhcp.expiry", BRIDGE, network_is_expiry },
	{ "ipv6.dhcp.ranges", BRIDGE, network_is_ranges6 },
	{ "ipv6.dhcp.stateful", BRIDGE, network_is_bool },
	{ "ipv6.firewall", BRIDGE, network_is_bool },
	{ "ipv6.nat", BRIDGE, network_is_bool },
	{ "ipv6.nat.address", BRIDGE, network_is_ip6 },
	{ "ipv6.nat.order", BRIDGE, network_is_order },
	{ "ipv6.routes", BRIDGE, network_is_routes6 },
	{ "ipv6.routing", BRIDGE, network_is_bool },
	{ "mtu", MACVLAN | PHYSICAL, network_is_mtu },
	{ "parent", MACVLAN | PHYSICAL, network_is_interface },
	{ "raw.dnsmasq", BRIDGE, network_is_lines },
	{ "vlan", MACVLAN | PHYSICAL, network_is_vlan },
};

/* What LXD would do and berth does not. A name that ends in '.' stands for all that begin so. */
static const struct absent {
	const char *name;
	unsigned types;
	const char *why;
} absent[] = {
	{ "bgp.", BRIDGE | PHYSICAL, "berth speaks no BGP" },
	{ "dns.nameservers", PHYSICAL, "there are no OVN networks" },
	{ "dns.zone.", BRIDGE, "there are no network zones" },
	{ "fan.", BRIDGE, "fan needs a patched kernel" },
	{ "ipv4.gateway", PHYSICAL, "there are no OVN networks" },
	{ "ipv4.ovn.", BRIDGE | PHYSICAL, "there are no OVN networks" },
	{ "ipv4.routes.anycast", PHYSICAL, "there are no OVN networks" },
	{ "ipv4.routes", PHYSICAL, "there are no OVN networks" },
	{ "ipv6.gateway", PHYSICAL, "there are no OVN networks" },
	{ "ipv6.ovn.", BRIDGE | PHYSICAL, "there are no OVN networks" },
	{ "ipv6.routes.anycast", PHYSICAL, "there are no OVN networks" },
	{ "ipv6.routes", PHYSICAL, "there are no OVN networks" },
	{ "maas.", BRIDGE | MACVLAN | PHYSICAL, "berth knows no MAAS" },
	{ "ovn.", PHYSICAL, "there are no OVN networks" },
	{ "security.acls", BRIDGE, "there are no network ACLs" },
	{ "security.acls.", BRIDGE, "there are no network ACLs" },
	{ "tunnel.", BRIDGE, "berth makes no tunnels: put one into bridge.external_interfaces" },
};

static unsigned type_bit(const char *type)
{
	return strcmp(type, "bridge") == 0 ? BRIDGE : strcmp(type, "macvlan") == 0 ? MACVLAN : PHYSICAL;
}

/* To unset what berth has not is nothing; what nobody has is a mistake even then. */
static int check_unknown(const char *network, const char *key, bool set, unsigned type, struct error *err)
{
	char buf[TYPE_SHOW_SIZE];

	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		size_t n = strlen(absent[i].name);

		if ((absent[i].types & type) && strncmp(key, absent[i].name, n) == 0 &&
		    (absent[i].name[n - 1] == '.' || key[n] == '\0'))
			return !set ? 0 : error_set(err, ERROR_UNSUPPORTED, "Invalid option for network \"%s\" option \"%s\": not supported: %s",
					 network, type_show(key, buf), absent[i].why);
	}
	return error_set(err, ERROR_INVALID, "Invalid option for network \"%s\" option \"%s\"", network, type_show(key, buf));
}

static int check_one(const char *network, unsigned type, const cJSON *item, struct error *err)
{
	char buf[TYPE_SHOW_SIZE];
	const struct key *k = keys;

	if (!cJSON_IsString(item) || strlen(item->valuestring) > VALUE_MAX)
		return error_set(err, ERROR_INVALID, "Invalid value for network \"%s\" option \"%s\": must be a text of at most %d bytes",
				 network, type_show(item->string, buf), VALUE_MAX);
	if (strncmp(item->string, "user.", 5) == 0) {
		if (type_is_word(item->string) && type_is_text(item->valuestring))
			return 0;
		return error_set(err, ERROR_INVALID, "Invalid value for network \"%s\" option \"%s\": control characters", network,
				 type_show(item->string, buf));
	}
	for (; k < keys + sizeof(keys) / sizeof(keys[0]); k++) {
		if (strcmp(k->name, item->string) != 0 || !(k->types & type))
			continue;
		if (!*item->valuestring || k->check(item->valuestring, err) == 0)
			return 0;
		return error_wrap(err, "Invalid value for network \"%s\" option \"%s\"", network, k->name);
	}
	return check_unknown(network, item->string, *item->valuestring != '\0', type, err);
}

/* ---- what belongs together */

struct inside {
	const struct network_side *side;
	struct error *err;
};

static bool range_inside(const char *word, void *data)
{
	const struct inside *in = data;
	AUTO_FREE char *from = mem_strndup(word, strcspn(word, "-"));
	const char *dash = strchr(word, '-');
	struct address a, b;

	if (dash && address_parse(from, &a) == 0 && address_parse(dash + 1, &b) == 0 &&
	    address_same_net(&in->side->address, &a, in->side->prefix) &&
	    address_same_net(&in->side->address, &b, in->side->prefix))
		return true;
	error_set(in->err, ERROR_INVALID, "IP range \"%s\" does not fall within any of the allowed networks [%s]", word,
		  in->side->subnet);
	return false;
}

static int check_side(const char *network, const cJSON *object, int family, struct error *err)
{
	const char *ranges = network_value(object, family == AF_INET ? "ipv4.dhcp.ranges" : "ipv6.dhcp.ranges");
	struct network_side side;
	struct inside in = { &side, err };

	network_side(object, family, &side);
	if (!ranges || !side.address.family || network_each_word(ranges, range_inside, &in))
		return 0;
	return error_wrap(err, "Invalid value for network \"%s\" option \"%s\"", network,
			  family == AF_INET ? "ipv4.dhcp.ranges" : "ipv6.dhcp.ranges");
}

static int check_parent(const char *network, const cJSON *object, struct error *err)
{
	const char *parent = network_value(object, "parent"), *vlan = network_value(object, "vlan");
	char interface[16];

	if (!parent)
		return error_set(err, ERROR_INVALID, "Invalid value for network \"%s\" option \"parent\": Required value", network);
	network_interface(object, interface);
	if (vlan && strlen(parent) + 1 + strlen(vlan) >= sizeof(interface))
		return error_set(err, ERROR_INVALID,
				 "Invalid value for network \"%s\" option \"vlan\": the interface \"%s.%s\" would have more than 15 characters",
				 network, parent, vlan);
	return 0;
}

int network_check_config(const char *name, const char *type, const cJSON *config, struct error *err)
{
	AUTO_JSON cJSON *object = cJSON_CreateObject();
	const cJSON *item;

	if (config && !cJSON_IsObject(config) && !cJSON_IsNull(config))
		return error_set(err, ERROR_INVALID, "Invalid config of network \"%s\": must be an object", name);
	cJSON_ArrayForEach(item, config)
		if (check_one(name, type_bit(type), item, err) < 0)
			return -1;
	json_set_str(object, "name", name);
	json_set_str(object, "type", type);
	json_set(object, "config", config ? cJSON_Duplicate(config, true) : cJSON_CreateObject());
	if (type_bit(type) != BRIDGE)
		return check_parent(name, object, err);
	return check_side(name, object, AF_INET, err) < 0 ? -1 : check_side(name, object, AF_INET6, err);
}

/* ---- names and types */

int network_check_name(const char *name, struct error *err)
{
	if (strlen(name) < 2)
		return error_set(err, ERROR_INVALID, "Network interface is too short (minimum 2 characters)");
	if (strlen(name) > 15)
		return error_set(err, ERROR_INVALID, "Network interface is too long (maximum 15 characters)");
	if (!type_is_ifname(name) || *name == '-')
		return error_set(err, ERROR_INVALID, "Network interface contains invalid characters");
	return 0;
}

int network_check_type(const char *type, struct error *err)
{
	if (strcmp(type, "bridge") == 0 || strcmp(type, "macvlan") == 0 || strcmp(type, "physical") == 0)
		return 0;
	if (strcmp(type, "ovn") == 0 || strcmp(type, "sriov") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "not supported: networks of the type %s (bridge, macvlan and physical are)", type);
	return error_set(err, ERROR_INVALID, "Unknown driver");
}
