/* SPDX-License-Identifier: MIT */
/* Which properties of a nic go together, and what the host must have for it. */
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sysfs.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic.h"

static int check_filters(const cJSON *props, enum nic_kind kind, struct error *err)
{
	static const char *const filters[][2] = { { "security.port_isolation", NULL },
						  { "security.mac_filtering", NULL },
						  { "security.ipv4_filtering", "ipv4.address" },
						  { "security.ipv6_filtering", "ipv6.address" } };

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (!type_is_true(device_prop(props, filters[i][0])))
			continue;
		if (kind != NIC_BRIDGED)
			return error_set(err, ERROR_INVALID, "\"%s\" needs a bridged nic", filters[i][0]);
		if (filters[i][1] && !device_prop(props, filters[i][1]))
			return error_set(err, ERROR_INVALID, "\"%s\" needs \"%s\"", filters[i][0], filters[i][1]);
	}
	return 0;
}

static const char *const routed_only[] = { "ipv4.host_address", "ipv6.host_address", "ipv4.host_table", "ipv6.host_table",
					  "ipv4.neighbor_probe", "ipv6.neighbor_probe", NULL };
static const char *const veth_only[] = { "ipv4.routes", "ipv6.routes", NULL };
static const char *const never_routed[] = { "security.mac_filtering", "security.ipv4_filtering", "security.ipv6_filtering",
					   "security.port_isolation", "network", NULL };

static int refuse_options(const cJSON *props, const char *const *keys, struct error *err)
{
	for (; *keys; keys++)
		if (device_prop(props, *keys))
			return error_set(err, ERROR_INVALID, "Invalid device option \"%s\"", *keys);
	return 0;
}

/* Addresses without a prefix, each once. */
static int check_list(const char *key, int family, const char *list, struct error *err)
{
	char address[INET6_ADDRSTRLEN], other[INET6_ADDRSTRLEN];

	if (!list)
		return 0;
	if (!type_is_address_list(family, list))
		return error_set(err, ERROR_INVALID, "Invalid value for device option \"%s\": Item \"%s\": Not an IPv%d address \"%s\"",
				 key, list, family == AF_INET ? 4 : 6, list);
	while ((list = type_next_address(list, address))) {
		for (const char *rest = list; (rest = type_next_address(rest, other));)
			if (strcmp(address, other) == 0)
				return error_set(err, ERROR_INVALID, "Duplicate address \"%s\" in \"%s\"", address, key);
	}
	return 0;
}

static int check_gateway(const cJSON *props, const char *key, struct error *err)
{
	const char *gateway = device_prop(props, key);

	if (!gateway || strcmp(gateway, "auto") == 0 || strcmp(gateway, "none") == 0)
		return 0;
	return error_set(err, ERROR_INVALID, "Invalid value for device option \"%s\": Invalid gateway: %s", key, gateway);
}

static int check_routes(const cJSON *props, const char *routes, const char *address, struct error *err)
{
	if (!device_prop(props, routes) || device_prop(props, address))
		return 0;
	return error_set(err, ERROR_INVALID, "%s requires %s to be set", routes, address);
}

/* The way out is the host or nothing. */
static int check_routed(const cJSON *props, struct error *err)
{
	if (refuse_options(props, never_routed, err) < 0 || check_gateway(props, "ipv4.gateway", err) < 0 ||
	    check_gateway(props, "ipv6.gateway", err) < 0 ||
	    check_list("ipv4.address", AF_INET, device_prop(props, "ipv4.address"), err) < 0 ||
	    check_routes(props, "ipv4.routes", "ipv4.address", err) < 0 ||
	    check_routes(props, "ipv6.routes", "ipv6.address", err) < 0)
		return -1;
	return check_list("ipv6.address", AF_INET6, device_prop(props, "ipv6.address"), err);
}

static int check_not_routed(const cJSON *props, enum nic_kind kind, struct error *err)
{
	const char *ip4 = device_prop(props, "ipv4.address"), *ip6 = device_prop(props, "ipv6.address");

	if (refuse_options(props, routed_only, err) < 0 ||
	    (!nic_is_veth(kind) && refuse_options(props, veth_only, err) < 0))
		return -1;
	if (ip4 && !type_is_cidr(AF_INET, ip4))
		return device_refuse("ipv4.address", ip4, "must be one address: only routed nics have lists", err);
	if (ip6 && !type_is_cidr(AF_INET6, ip6))
		return device_refuse("ipv6.address", ip6, "must be one address: only routed nics have lists", err);
	return 0;
}

int nic_validate(const char *device, const cJSON *props, struct error *err)
{
	static const char *const limits[] = { "limits.ingress", "limits.egress", "limits.max", "host_name", NULL };
	const char *nictype = device_prop(props, "nictype");
	enum nic_kind kind = nic_kind(props);

	if (kind == NIC_KINDS)
		return error_set(err, ERROR_INVALID,
				 "Failed loading device \"%s\": Unsupported device type: \"nictype\" (bridged, p2p, macvlan, "
				 "physical, routed) or \"network\" is missing", device);
	if (device_prop(props, "network") &&
	    ((nictype && kind != NIC_BRIDGED) || device_prop(props, "parent")))
		return error_set(err, ERROR_INVALID, "Cannot use \"%s\" property in conjunction with \"network\" property: "
				 "give one or the other", device_prop(props, "parent") ? "parent" : "nictype");
	if ((kind == NIC_ROUTED ? check_routed(props, err) : check_not_routed(props, kind, err)) < 0)
		return -1;
	if (kind != NIC_P2P && kind != NIC_ROUTED && !nic_parent(props))
		return error_set(err, ERROR_INVALID, "Invalid value for device option \"parent\": Required value for a %s nic", nictype);
	if (kind == NIC_P2P && nic_parent(props))
		return error_set(err, ERROR_INVALID, "Invalid device option \"parent\": a p2p nic has none");
	if (check_filters(props, kind, err) < 0)
		return -1;
	for (const char *const *key = limits; *key && !nic_is_veth(kind); key++) {
		if (device_prop(props, *key))
			return error_set(err, ERROR_INVALID, "\"%s\" needs a bridged, p2p or routed nic", *key);
	}
	return 0;
}

/* Without it the host would not pass on what it answers for. */
static int need_sysctl(const char *family, const char *interface, const char *name, struct error *err)
{
	char text[8];

	sysfs_text(text, sizeof(text), "/proc/sys/net/%s/conf/%s/%s", family, interface, name);
	return strcmp(text, "1") == 0 ? 0
				      : error_set(err, ERROR_INVALID, "Routed mode requires sysctl net.%s.conf.%s.%s=1", family,
						  interface, name);
}

static int check_sysctls(const char *parent, const cJSON *props, struct error *err)
{
	if (device_prop(props, "ipv4.address") && need_sysctl("ipv4", parent, "forwarding", err) < 0)
		return -1;
	if (!device_prop(props, "ipv6.address"))
		return 0;
	if (need_sysctl("ipv6", parent, "forwarding", err) < 0)
		return -1;
	return need_sysctl("ipv6", "all", "proxy_ndp", err);
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
	return nic_kind(props) == NIC_ROUTED ? check_sysctls(parent, props, err) : 0;
}
