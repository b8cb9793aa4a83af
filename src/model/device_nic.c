/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fs.h"
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
VALIDATOR(ip4, type_is_cidr(AF_INET, value), "must be an IPv4 address, with or without /PREFIX")
VALIDATOR(ip6, type_is_cidr(AF_INET6, value), "must be an IPv6 address, with or without /PREFIX")
VALIDATOR(gateway4,
	  type_is_address(AF_INET, value) || strcmp(value, "auto") == 0 || strcmp(value, "none") == 0,
	  "must be an IPv4 address, auto or none")
VALIDATOR(gateway6,
	  type_is_address(AF_INET6, value) || strcmp(value, "auto") == 0 || strcmp(value, "none") == 0,
	  "must be an IPv6 address, auto or none")
VALIDATOR(rate, type_is_bitrate(value), "must be a rate such as 10Mbit")
VALIDATOR(nictype,
	  strcmp(value, "bridged") == 0 || strcmp(value, "p2p") == 0 || strcmp(value, "macvlan") == 0 ||
		  strcmp(value, "physical") == 0,
	  "must be bridged, p2p, macvlan or physical (ipvlan, routed, sriov and ovn are not supported)")

const struct device_property nic_properties[] = {
	{ "nictype", "string", false, valid_nictype, KEY_LIVE_RESTART,
	  "bridged (a veth pair on a bridge), p2p (a veth pair), macvlan or physical; bridged when network "
	  "is given." },
	{ "parent", "interface", false, valid_ifname, KEY_LIVE_APPLY,
	  "The bridge, or the interface that macvlan and physical use." },
	{ "network", "interface", false, valid_ifname, KEY_LIVE_APPLY,
	  "The bridge: short for nictype=bridged parent=X." },
	{ "name", "interface", false, valid_ifname, KEY_LIVE_RESTART,
	  "Its name inside; ethN when not given." },
	{ "host_name", "interface", false, valid_ifname, KEY_LIVE_RESTART,
	  "The name of the veth's end on the host." },
	{ "hwaddr", "MAC", false, valid_mac, KEY_LIVE_RESTART, "Its MAC address." },
	{ "mtu", "integer", false, valid_mtu, KEY_LIVE_APPLY, "Its MTU; the parent's when not given." },
	{ "ipv4.address", "address", false, valid_ip4, KEY_LIVE_APPLY,
	  "A static address, set before init runs. Without /PREFIX it has the bridge's (or 24)." },
	{ "ipv4.gateway", "address", false, valid_gateway4, KEY_LIVE_APPLY,
	  "The default route: an address, auto (the parent's address when it starts) or none. Not given: the "
	  "bridge's "
	  "address, if ipv4.address lies in its network." },
	{ "ipv6.address", "address", false, valid_ip6, KEY_LIVE_APPLY,
	  "As ipv4.address; without /PREFIX 64." },
	{ "ipv6.gateway", "address", false, valid_gateway6, KEY_LIVE_APPLY, "As ipv4.gateway." },
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
	{ .name = NULL },
};

static bool is_veth(enum nic_kind kind)
{
	return kind == NIC_BRIDGED || kind == NIC_P2P;
}

static int check_filters(const cJSON *props, enum nic_kind kind, struct error *err)
{
	static const char *const filters[][2] = { { "security.mac_filtering", NULL },
						  { "security.ipv4_filtering", "ipv4.address" },
						  { "security.ipv6_filtering", "ipv6.address" } };

	for (size_t i = 0; i < 3; i++) {
		if (!type_is_true(device_prop(props, filters[i][0])))
			continue;
		if (kind != NIC_BRIDGED)
			return error_set(err, ERROR_INVALID, "\"%s\" needs a bridged nic", filters[i][0]);
		if (filters[i][1] && !device_prop(props, filters[i][1]))
			return error_set(err, ERROR_INVALID, "\"%s\" needs \"%s\"", filters[i][0], filters[i][1]);
	}
	return 0;
}

int nic_validate(const char *device, const cJSON *props, struct error *err)
{
	static const char *const veth_only[] = { "limits.ingress", "limits.egress", "limits.max", "host_name",
						 NULL };
	const char *nictype = device_prop(props, "nictype");
	enum nic_kind kind = nic_kind(props);

	if (kind == NIC_KINDS)
		return error_set(err, ERROR_INVALID,
				 "Missing required device option \"nictype\" (bridged, p2p, macvlan, "
				 "physical) or \"network\"");
	if (device_prop(props, "network") &&
	    ((nictype && kind != NIC_BRIDGED) || device_prop(props, "parent")))
		return error_set(
			err, ERROR_INVALID,
			"\"network\" already means nictype=bridged and parent: give one or the other");
	if (kind != NIC_P2P && !nic_parent(props))
		return error_set(err, ERROR_INVALID, "Missing required device option \"parent\" for a %s nic",
				 nictype);
	if (kind == NIC_P2P && nic_parent(props))
		return error_set(err, ERROR_INVALID, "A p2p nic has no \"parent\"");
	if (check_filters(props, kind, err) < 0)
		return -1;
	for (const char *const *key = veth_only; *key && !is_veth(kind); key++) {
		if (device_prop(props, *key))
			return error_set(err, ERROR_INVALID, "\"%s\" needs a bridged or p2p nic", *key);
	}
	return 0;
}

int nic_check_start(const char *device, const cJSON *props, struct error *err)
{
	const char *parent = nic_kind(props) == NIC_P2P ? NULL : nic_parent(props);
	AUTO_FREE char *bridge = NULL;

	if (!parent)
		return 0;
	if (if_nametoindex(parent) == 0)
		return error_set(err, ERROR_INVALID, "Parent device \"%s\" doesn't exist", parent);
	bridge = mem_printf("/sys/class/net/%s/bridge", parent);
	if (nic_kind(props) == NIC_BRIDGED && !fs_exists(bridge))
		return error_set(err, ERROR_INVALID, "Parent device \"%s\" is not a bridge", parent);
	return 0;
}

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
	AUTO_FREE char *up = NULL;
	AUTO_FREE char *down = mem_printf("%s/berth-nic-up --ingress=0 --egress=0",
					  r->in->rootfs.libexec_dir);

	argv_pushf(&argv, "%s/berth-nic-up", r->in->rootfs.libexec_dir);
	nic_watch_arguments(nic, &argv);
	up = argv_quote(&argv);
	net_line(r, "script.up", up);
	net_line(r, "script.down", down);
}

static void render_addresses(struct render *r, const struct nic *nic)
{
	net_line(r, "ipv4.address", nic->ip4.text);
	net_line(r, "ipv4.gateway", nic->ip4.gateway);
	net_line(r, "ipv6.address", nic->ip6.text);
	net_line(r, "ipv6.gateway", nic->ip6.gateway);
}

int nic_render(struct render *r, const char *device, const cJSON *props, struct error *err)
{
	static const char *const types[NIC_KINDS] = { "veth", "veth", "macvlan", "phys" };
	struct nic_source src = { r->config, r->in->devices, r->in->rootfs.instance_dir };
	struct nic nic;

	while (raw_lxc_has_network(json_str(r->config, "raw.lxc"), r->nics))
		r->nics++;
	nic_resolve(&src, device, props, &nic);
	net_line(r, "type", types[nic.kind]);
	if (nic.kind == NIC_MACVLAN)
		net_line(r, "macvlan.mode", "bridge");
	net_line(r, "link", nic.parent);
	net_line(r, "flags", "up");
	net_line(r, "name", nic.guest);
	net_line(r, "hwaddr", nic.hwaddr);
	net_line(r, "mtu", nic.mtu);
	if (is_veth(nic.kind))
		net_line(r, "veth.pair", nic.host);
	render_addresses(r, &nic);
	if (nic_is_watched(&nic))
		render_watch(r, &nic);
	r->nics++;
	return 0;
}
