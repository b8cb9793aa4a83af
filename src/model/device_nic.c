/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic.h"
#include "model/raw_lxc.h"

#define VALIDATOR(name, predicate, rule)                                                                   \
	static int valid_##name(const char *device, const char *key, const char *value, struct error *err) \
	{                                                                                                  \
		return (predicate) ? 0 : device_refuse(key, value, rule, err);                             \
	}

VALIDATOR(ifname, type_is_ifname(value), "must be 1-15 letters, digits, '.', '_' and '-'")
VALIDATOR(mac, type_is_mac(value), "must be a MAC address such as 00:16:3e:12:34:56")
VALIDATOR(mtu, type_is_int(value, 68, 65535), "must be a number from 68 to 65535")
/* Lists of addresses are for routed ones: nic_validate() */
VALIDATOR(ip4, type_is_cidr(AF_INET, value) || type_is_address_list(AF_INET, value), "must be an IPv4 address, with or without /PREFIX")
VALIDATOR(ip6, type_is_cidr(AF_INET6, value) || type_is_address_list(AF_INET6, value), "must be an IPv6 address, with or without /PREFIX")
VALIDATOR(gateway4,
	  type_is_address(AF_INET, value) || strcmp(value, "auto") == 0 || strcmp(value, "none") == 0,
	  "must be an IPv4 address, auto or none")
VALIDATOR(gateway6,
	  type_is_address(AF_INET6, value) || strcmp(value, "auto") == 0 || strcmp(value, "none") == 0,
	  "must be an IPv6 address, auto or none")
VALIDATOR(host4, type_is_address(AF_INET, value), "must be an IPv4 address")
VALIDATOR(host6, type_is_address(AF_INET6, value), "must be an IPv6 address")
VALIDATOR(table, type_is_int(value, 0, UINT32_MAX), "must be the number of a routing table")

/* Says which item of the list is none, in LXD's words. */
static int check_routes(int family, const char *key, const char *list, struct error *err)
{
	char item[INET6_ADDRSTRLEN], show[TYPE_SHOW_SIZE];

	for (const char *rest = list; (rest = type_next_address(rest, item));) {
		if (type_is_network_list(family, item))
			continue;
		type_show(item, show);
		if (!strchr(item, '/') || !type_is_cidr(family, item))
			return error_set(err, ERROR_INVALID,
					 "Invalid value for device option \"%s\": Item \"%s\": invalid CIDR address: %s", key, show,
					 show);
		return error_set(err, ERROR_INVALID,
				 "Invalid value for device option \"%s\": Item \"%s\": Not an IPv%d network address \"%s\"", key, show,
				 family == AF_INET ? 4 : 6, show);
	}
	return type_is_network_list(family, list) ? 0 : device_refuse(key, list, "must be networks, NETWORK/PREFIX", err);
}

static int valid_routes4(const char *device, const char *key, const char *value, struct error *err)
{
	return check_routes(AF_INET, key, value, err);
}

static int valid_routes6(const char *device, const char *key, const char *value, struct error *err)
{
	return check_routes(AF_INET6, key, value, err);
}

VALIDATOR(rate, type_is_bitrate(value), "must be a rate such as 10Mbit")

#define NICTYPES "must be bridged, p2p, macvlan, physical or routed (ipvlan, sriov and ovn are not supported)"

static bool is_one_of(const char *value, const char *const *names)
{
	while (*names && strcmp(*names, value) != 0)
		names++;
	return *names;
}

static int valid_nictype(const char *device, const char *key, const char *value, struct error *err)
{
	static const char *const good[] = { "bridged", "p2p", "macvlan", "physical", "routed", NULL };
	static const char *const lxds[] = { "ipvlan", "sriov", "ovn", NULL };
	char show[TYPE_SHOW_SIZE];

	if (is_one_of(value, good))
		return 0;
	if (is_one_of(value, lxds))
		return device_refuse(key, value, NICTYPES, err);
	return error_set(err, ERROR_INVALID, "Failed loading device \"%s\": Unsupported device type: nictype=%s: " NICTYPES, device,
			 type_show(value, show));
}

const struct device_property nic_properties[] = {
	{ "nictype", "string", false, valid_nictype, KEY_LIVE_RESTART,
	  "bridged (a veth pair on a bridge), p2p (a veth pair), macvlan, physical or routed (a veth pair to which the "
	  "host routes its addresses); bridged when network is given." },
	{ "parent", "interface", false, valid_ifname, KEY_LIVE_APPLY,
	  "The bridge, or the interface that macvlan and physical use; of routed, where the host answers for its addresses." },
	{ "network", "interface", false, valid_ifname, KEY_LIVE_APPLY,
	  "The bridge: short for nictype=bridged parent=X." },
	{ "name", "interface", false, valid_ifname, KEY_LIVE_RESTART,
	  "Its name inside; ethN when not given." },
	{ "host_name", "interface", false, valid_ifname, KEY_LIVE_RESTART,
	  "The name of the veth's end on the host." },
	{ "hwaddr", "MAC", false, valid_mac, KEY_LIVE_RESTART, "Its MAC address." },
	{ "mtu", "integer", false, valid_mtu, KEY_LIVE_APPLY, "Its MTU; the parent's when not given." },
	{ "ipv4.address", "address", false, valid_ip4, KEY_LIVE_APPLY,
	  "A static address, set before init runs. Without /PREFIX it has the bridge's (or 24). Routed: addresses "
	  "without /PREFIX, with commas between them." },
	{ "ipv4.gateway", "address", false, valid_gateway4, KEY_LIVE_APPLY,
	  "The default route: an address, auto (the parent's address when it starts) or none. Not given: the "
	  "bridge's "
	  "address, if ipv4.address lies in its network." },
	{ "ipv6.address", "address", false, valid_ip6, KEY_LIVE_APPLY,
	  "As ipv4.address; without /PREFIX 64." },
	{ "ipv6.gateway", "address", false, valid_gateway6, KEY_LIVE_APPLY, "As ipv4.gateway." },
	{ "ipv4.routes", "networks", false, valid_routes4, KEY_LIVE_APPLY,
	  "Networks behind the container, to which the host routes: over its bridge, its veth (p2p) or its first address "
	  "(routed)." },
	{ "ipv6.routes", "networks", false, valid_routes6, KEY_LIVE_APPLY, "The same." },
	{ "ipv4.host_address", "address", false, valid_host4, KEY_LIVE_APPLY,
	  "Routed: the address of the veth's end on the host, which is the gateway; 169.254.0.1 when not given." },
	{ "ipv6.host_address", "address", false, valid_host6, KEY_LIVE_APPLY, "The same; fe80::1 when not given." },
	{ "ipv4.host_table", "integer", false, valid_table, KEY_LIVE_APPLY,
	  "Routed: a routing table of the host that gets the routes too." },
	{ "ipv6.host_table", "integer", false, valid_table, KEY_LIVE_APPLY, "The same." },
	{ "ipv4.neighbor_probe", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "Routed: refuse addresses that answer on the parent's network; true when not given." },
	{ "ipv6.neighbor_probe", "bool", false, device_valid_bool, KEY_LIVE_APPLY, "The same." },
	{ "limits.ingress", "rate", false, valid_rate, KEY_LIVE_APPLY,
	  "How much it may receive: 10Mbit (veth only)." },
	{ "limits.egress", "rate", false, valid_rate, KEY_LIVE_APPLY,
	  "How much it may send: 10Mbit (veth only)." },
	{ "limits.max", "rate", false, valid_rate, KEY_LIVE_APPLY, "Both of them at once." },
	{ "security.mac_filtering", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "Drop what it sends with a MAC address that is not its own (bridged only)." },
	{ "security.ipv4_filtering", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "Drop what it sends from an IPv4 address other than ipv4.address, which it needs; with mac_filtering." },
	{ "security.ipv6_filtering", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "The same of ipv6.address; also router advertisements. Link-local addresses may be used." },
	{ "security.port_isolation", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "It does not reach other nics of its bridge that have this too (bridged only)." },
	{ .name = NULL },
};

static void net_line(struct render *r, const char *key, const char *value)
{
	char name[64];

	snprintf(name, sizeof(name), "lxc.net.%u.%s", r->nics, key);
	if (value && *value)
		render_line(r, name, "%s", value);
}

/* By a program, so that limits and filters hold also when lxc-start is called without berth. */
static void render_watch(struct render *r, const struct nic *nic)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_ARGV struct argv gone = ARGV_INIT;
	AUTO_FREE char *up = NULL;
	AUTO_FREE char *down = NULL;

	argv_pushf(&argv, "%s/berth-nic-up", r->in->rootfs.libexec_dir);
	nic_watch_arguments(nic, &argv);
	argv_pushf(&gone, "%s/berth-nic-up", r->in->rootfs.libexec_dir);
	nic_gone_arguments(nic, &gone);
	up = argv_quote(&argv);
	down = argv_quote(&gone);
	net_line(r, "script.up", up);
	net_line(r, "script.down", down);
}

static void render_routed(struct render *r, const char *key, const char *list, int prefix)
{
	char address[INET6_ADDRSTRLEN], cidr[INET6_ADDRSTRLEN + 4];

	while ((list = type_next_address(list, address))) {
		snprintf(cidr, sizeof(cidr), "%s/%d", address, prefix);
		net_line(r, key, cidr);
	}
}

static void render_addresses(struct render *r, const struct nic *nic)
{
	if (nic->kind == NIC_ROUTED) {
		render_routed(r, "ipv4.address", nic->routed4, 32);
		render_routed(r, "ipv6.address", nic->routed6, 128);
	}
	net_line(r, "ipv4.address", nic->ip4.text);
	net_line(r, "ipv4.gateway", nic->ip4.gateway);
	net_line(r, "ipv6.address", nic->ip6.text);
	net_line(r, "ipv6.gateway", nic->ip6.gateway);
}

int nic_render(struct render *r, const char *device, const cJSON *props, struct error *err)
{
	static const char *const types[NIC_KINDS] = { "veth", "veth", "macvlan", "phys", "veth" };
	struct nic_source src = { r->config, r->in->devices, r->in->rootfs.instance_dir };
	struct nic nic;

	while (raw_lxc_has_network(json_str(r->config, "raw.lxc"), r->nics))
		r->nics++;
	nic_resolve(&src, device, props, &nic);
	net_line(r, "type", types[nic.kind]);
	if (nic.kind == NIC_MACVLAN)
		net_line(r, "macvlan.mode", "bridge");
	net_line(r, "link", nic.kind == NIC_ROUTED ? NULL : nic.parent);
	net_line(r, "flags", "up");
	net_line(r, "name", nic.guest);
	net_line(r, "hwaddr", nic.hwaddr);
	net_line(r, "mtu", nic.mtu);
	if (nic_is_veth(nic.kind))
		net_line(r, "veth.pair", nic.host);
	render_addresses(r, &nic);
	if (nic_is_watched(&nic))
		render_watch(r, &nic);
	r->nics++;
	return 0;
}
