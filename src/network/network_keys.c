/* SPDX-License-Identifier: MIT */
#include "network/network_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/address_maps.h"
#include "model/key_types.h"
#include "network/network_plan.h"

enum { BRIDGE = 1, MACVLAN = 2, PHYSICAL = 4, MTU_MIN = 1280, MTU_MAX = 16384, VALUE_MAX = 65536 };

typedef int (*check_fn)(const char *value, struct error *err);

/* ---- values */

static int refuse(struct error *err, const char *what, const char *value)
{
	char buf[TYPE_SHOW_SIZE];

	return error_set(err, ERROR_INVALID, "%s \"%s\"", what, type_show(value, buf));
}

static int is_bool(const char *v, struct error *err)
{
	return type_is_bool(v) ? 0 : refuse(err, "Invalid value for a boolean", v);
}

static int is_line(const char *v, struct error *err)
{
	return type_is_line(v) ? 0 : refuse(err, "Control characters in", v);
}

static int one_of(const char *v, const char *a, const char *b, const char *c, struct error *err)
{
	char buf[TYPE_SHOW_SIZE];

	if (strcmp(v, a) == 0 || strcmp(v, b) == 0 || (c && strcmp(v, c) == 0))
		return 0;
	return error_set(err, ERROR_INVALID, "Invalid value \"%s\" (not one of [%s %s%s%s])", type_show(v, buf), a, b, c ? " " : "",
			 c ? c : "");
}

static int is_order(const char *v, struct error *err)
{
	return one_of(v, "before", "after", NULL, err);
}

static int is_dns_mode(const char *v, struct error *err)
{
	return one_of(v, "dynamic", "managed", "none", err);
}

static int is_driver(const char *v, struct error *err)
{
	if (strcmp(v, "openvswitch") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "not supported: berth makes bridges of the kernel (native)");
	return one_of(v, "native", "openvswitch", NULL, err);
}

static int is_mode(const char *v, struct error *err)
{
	if (strcmp(v, "fan") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "not supported: fan needs a patched kernel");
	return one_of(v, "standard", "fan", NULL, err);
}

static int is_mtu(const char *v, struct error *err)
{
	if (!type_is_int(v, 0, UINT32_MAX))
		return refuse(err, "Invalid MTU", v);
	return type_is_int(v, MTU_MIN, MTU_MAX) ? 0 : refuse(err, "Out of MTU range (1280-16384)", v);
}

static int is_vlan(const char *v, struct error *err)
{
	return type_is_int(v, 1, 4094) ? 0 : refuse(err, "Out of VLAN ID range (1-4094)", v);
}

static int is_mac(const char *v, struct error *err)
{
	return type_is_mac(v) ? 0 : error_set(err, ERROR_INVALID, "Invalid MAC address, must be 6 bytes of hex separated by colons");
}

static int is_interface(const char *v, struct error *err)
{
	return network_check_name(v, err);
}

static int is_expiry(const char *v, struct error *err)
{
	size_t n = strspn(v, "0123456789");

	if (strcmp(v, "infinite") == 0 || (n > 0 && n < 9 && (!v[n] || (strchr("smhdw", v[n]) && !v[n + 1]))))
		return 0;
	return refuse(err, "Invalid lease time (such as 90s, 5m, 1h, 2d or infinite)", v);
}

static int is_address_of(int family, const char *v, struct error *err)
{
	return type_is_address(family, v) ? 0 : refuse(err, family == AF_INET ? "Not an IPv4 address" : "Not an IPv6 address", v);
}

static int is_ip4(const char *v, struct error *err)
{
	return is_address_of(AF_INET, v, err);
}

static int is_ip6(const char *v, struct error *err)
{
	return is_address_of(AF_INET6, v, err);
}

static int is_gateway4(const char *v, struct error *err)
{
	return strcmp(v, "none") == 0 ? 0 : is_ip4(v, err);
}

/* "ADDRESS/BITS" of the family. */
static int split_cidr(int family, const char *v, struct address *ret, unsigned *bits, struct error *err)
{
	const char *slash = strchr(v, '/');

	if (!slash || !type_is_cidr(family, v) || address_parse_cidr(v, ret) < 0)
		return refuse(err, "invalid CIDR address:", v);
	*bits = (unsigned)strtoul(slash + 1, NULL, 10);
	return 0;
}

static bool is_network_address(const struct address *a, unsigned bits)
{
	unsigned size = a->family == AF_INET ? 32 : 128;

	for (unsigned i = bits; i < size; i++)
		if (a->bytes[i / 8] & (0x80u >> i % 8))
			return false;
	return bits < size;
}

static int is_own(int family, const char *v, struct error *err)
{
	struct address a;
	unsigned bits;

	if (strcmp(v, "auto") == 0 || strcmp(v, "none") == 0)
		return 0;
	if (split_cidr(family, v, &a, &bits, err) < 0)
		return -1;
	if (bits == 0 || is_network_address(&a, bits))
		return refuse(err, family == AF_INET ? "Not a usable IPv4 address" : "Not a usable IPv6 address", v);
	return 0;
}

static int is_own4(const char *v, struct error *err)
{
	return is_own(AF_INET, v, err);
}

static int is_own6(const char *v, struct error *err)
{
	return is_own(AF_INET6, v, err);
}

/* ---- lists */

bool network_each_word(const char *list, bool (*cb)(const char *word, void *data), void *data)
{
	AUTO_FREE char *copy = mem_strdup(list ? list : "");
	char *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		while (isspace((unsigned char)*w))
			w++;
		for (size_t n = strlen(w); n > 0 && isspace((unsigned char)w[n - 1]); n--)
			w[n - 1] = '\0';
		if (!cb(w, data))
			return false;
	}
	return true;
}

struct list_check {
	int family;
	struct error *err;
};

static bool good_route(const char *word, void *data)
{
	const struct list_check *c = data;
	struct address a;
	unsigned bits;

	if (split_cidr(c->family, word, &a, &bits, c->err) < 0)
		return false;
	return is_network_address(&a, bits) || bits == (c->family == AF_INET ? 32 : 128) ||
	       refuse(c->err, "Not a network address", word) == 0;
}

static bool good_range(const char *word, void *data)
{
	const struct list_check *c = data;
	AUTO_FREE char *from = mem_strndup(word, strcspn(word, "-"));
	const char *to = strchr(word, '-');
	struct address a, b;

	if (to && address_parse(from, &a) == 0 && address_parse(to + 1, &b) == 0 && a.family == c->family &&
	    b.family == c->family) {
		if (memcmp(a.bytes, b.bytes, sizeof(a.bytes)) <= 0)
			return true;
		refuse(c->err, "Start IP must be less than End IP in", word);
		return false;
	}
	refuse(c->err, "IP range must contain start and end IP addresses:", word);
	return false;
}

static bool good_interface(const char *word, void *data)
{
	return network_check_name(word, ((const struct list_check *)data)->err) == 0;
}

static bool good_domain(const char *word, void *data)
{
	for (const char *p = word; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
			return refuse(((const struct list_check *)data)->err, "Invalid domain name", word) == 0;
	if (*word && *word != '-' && *word != '.' && strlen(word) <= 253)
		return true;
	refuse(((const struct list_check *)data)->err, "Invalid domain name", word);
	return false;
}

static int check_list(const char *v, int family, bool (*good)(const char *, void *), struct error *err)
{
	struct list_check c = { family, err };

	return is_line(v, err) == 0 && network_each_word(v, good, &c) ? 0 : -1;
}

static int is_routes4(const char *v, struct error *err)
{
	return check_list(v, AF_INET, good_route, err);
}

static int is_routes6(const char *v, struct error *err)
{
	return check_list(v, AF_INET6, good_route, err);
}

static int is_ranges4(const char *v, struct error *err)
{
	return check_list(v, AF_INET, good_range, err);
}

static int is_ranges6(const char *v, struct error *err)
{
	return check_list(v, AF_INET6, good_range, err);
}

static int is_interfaces(const char *v, struct error *err)
{
	return check_list(v, 0, good_interface, err);
}

static int is_search(const char *v, struct error *err)
{
	return check_list(v, 0, good_domain, err);
}

static int is_domain(const char *v, struct error *err)
{
	struct list_check c = { 0, err };

	return good_domain(v, &c) ? 0 : -1;
}

static int is_lines(const char *v, struct error *err)
{
	return type_is_text(v) ? 0 : refuse(err, "Control characters in", v);
}

/* ---- the table */

static const struct key {
	const char *name;
	unsigned types;
	check_fn check;
} keys[] = {
	{ "bridge.driver", BRIDGE, is_driver },
	{ "bridge.external_interfaces", BRIDGE, is_interfaces },
	{ "bridge.hwaddr", BRIDGE, is_mac },
	{ "bridge.mode", BRIDGE, is_mode },
	{ "bridge.mtu", BRIDGE, is_mtu },
	{ "dns.domain", BRIDGE, is_domain },
	{ "dns.mode", BRIDGE, is_dns_mode },
	{ "dns.search", BRIDGE, is_search },
	{ "gvrp", MACVLAN | PHYSICAL, is_bool },
	{ "ipv4.address", BRIDGE, is_own4 },
	{ "ipv4.dhcp", BRIDGE, is_bool },
	{ "ipv4.dhcp.expiry", BRIDGE, is_expiry },
	{ "ipv4.dhcp.gateway", BRIDGE, is_gateway4 },
	{ "ipv4.dhcp.ranges", BRIDGE, is_ranges4 },
	{ "ipv4.firewall", BRIDGE, is_bool },
	{ "ipv4.nat", BRIDGE, is_bool },
	{ "ipv4.nat.address", BRIDGE, is_ip4 },
	{ "ipv4.nat.order", BRIDGE, is_order },
	{ "ipv4.routes", BRIDGE, is_routes4 },
	{ "ipv4.routing", BRIDGE, is_bool },
	{ "ipv6.address", BRIDGE, is_own6 },
	{ "ipv6.dhcp", BRIDGE, is_bool },
	{ "ipv6.dhcp.expiry", BRIDGE, is_expiry },
	{ "ipv6.dhcp.ranges", BRIDGE, is_ranges6 },
	{ "ipv6.dhcp.stateful", BRIDGE, is_bool },
	{ "ipv6.firewall", BRIDGE, is_bool },
	{ "ipv6.nat", BRIDGE, is_bool },
	{ "ipv6.nat.address", BRIDGE, is_ip6 },
	{ "ipv6.nat.order", BRIDGE, is_order },
	{ "ipv6.routes", BRIDGE, is_routes6 },
	{ "ipv6.routing", BRIDGE, is_bool },
	{ "mtu", MACVLAN | PHYSICAL, is_mtu },
	{ "parent", MACVLAN | PHYSICAL, is_interface },
	{ "raw.dnsmasq", BRIDGE, is_lines },
	{ "vlan", MACVLAN | PHYSICAL, is_vlan },
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

static int check_unknown(const char *network, const char *key, unsigned type, struct error *err)
{
	char buf[TYPE_SHOW_SIZE];

	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		size_t n = strlen(absent[i].name);

		if ((absent[i].types & type) && strncmp(key, absent[i].name, n) == 0 &&
		    (absent[i].name[n - 1] == '.' || key[n] == '\0'))
			return error_set(err, ERROR_UNSUPPORTED, "Invalid option for network \"%s\" option \"%s\": not supported: %s",
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
	return *item->valuestring ? check_unknown(network, item->string, type, err) : 0;
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
