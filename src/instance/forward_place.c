/* SPDX-License-Identifier: MIT */
#include "instance/forward_place.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/leases.h"
#include "instance/instance.h"
#include "instance/registry.h"
#include "lxc/netns.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic.h"

static struct address *slot(struct forward_place *p, int family)
{
	return family == AF_INET ? &p->ip4 : &p->ip6;
}

static void take_first(struct forward_place *p, const char *text)
{
	struct address a;
	char first[INET6_ADDRSTRLEN];

	if (text && strchr(text, ',') && type_next_address(text, first)) /* of a routed one */
		text = first;
	if (text && address_parse_cidr(text, &a) == 0 && slot(p, a.family)->family == 0)
		*slot(p, a.family) = a;
}

/* The host's end of the first bridged nic. */
static void note_veth(struct berthd *b, struct forward_place *p, const char *name, const cJSON *config, const cJSON *devices)
{
	AUTO_FREE char *dir = instance_dir(b, name);
	const struct nic_source source = { config, devices, dir };
	const cJSON **list = devices_in_order(devices);
	struct nic nic;

	for (const cJSON **dev = list; *dev && !*p->veth; dev++) {
		if (!nic_is_bridged(*dev))
			continue;
		nic_resolve(&source, (*dev)->string, *dev, &nic);
		memcpy(p->veth, nic.host, strlen(nic.host) + 1);
	}
	free(list);
}

static void static_addresses(struct forward_place *p, const cJSON *devices)
{
	const cJSON **list = devices_in_order(devices);

	for (const cJSON **dev = list; *dev; dev++) {
		if (strcmp(json_str_or(*dev, "type", ""), "nic") != 0)
			continue;
		take_first(p, device_prop(*dev, "ipv4.address"));
		take_first(p, device_prop(*dev, "ipv6.address"));
	}
	free(list);
}

static bool is_bridge_of(const cJSON *devices, const char *interface)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices) {
		const char *parent = nic_parent(dev);

		if (nic_is_bridged(dev) && parent != NULL && strcmp(parent, interface) == 0)
			return true;
	}
	return false;
}

/*
 * A container's root gives it whatever address he likes: the host's, a neighbour's in another network, one out in the
 * world. Only those of the networks that it is in are where the host sends what comes for it.
 */
static bool is_its(const struct ifaddrs *all, const cJSON *devices, const char *text)
{
	struct address a, own;
	bool its = false;

	if (!text || address_parse_cidr(text, &a) < 0)
		return false;
	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next) {
		if (address_of_interface(ifa, &own) && address_equal(&own, &a))
			return false;
		its = its || (is_bridge_of(devices, ifa->ifa_name) && address_in_network(ifa, &a));
	}
	return its;
}

/* lo has none that is global. */
static void live_addresses(struct forward_place *p, const cJSON *devices, pid_t pid)
{
	AUTO_JSON cJSON *net = netns_state(pid);
	const cJSON *link, *address;
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return;
	cJSON_ArrayForEach(link, net) {
		cJSON_ArrayForEach(address, json_arr(link, "addresses"))
			if (strcmp(json_str_or(address, "scope", ""), "global") == 0 &&
			    is_its(all, devices, json_str(address, "address")))
				take_first(p, json_str(address, "address"));
	}
	freeifaddrs(all);
}

bool instance_place(struct berthd *b, const char *name, struct forward_place *ret)
{
	const struct instance *inst = b->registry ? registry_get(b->registry, name) : NULL;
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	*ret = (struct forward_place){ .waits = false };
	if (!inst)
		return false;
	instance_expand(b, inst->desired, &config, &devices);
	static_addresses(ret, devices);
	if (inst->pid != 0 && !inst->adopted)
		note_veth(b, ret, name, config, devices);
	if (inst->pid == 0 || (ret->ip4.family && ret->ip6.family))
		return true;
	ret->dynamic = !ret->ip4.family;
	live_addresses(ret, devices, inst->pid);
	ret->waits = !ret->ip4.family && !ret->ip6.family;
	return true;
}
