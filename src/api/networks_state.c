/* SPDX-License-Identifier: MIT */
/* /1.0/networks/NAME/state and /leases. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/networks.h"
#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sysfs.h"
#include "host/leases.h"
#include "instance/instance.h"
#include "lxc/netns.h"
#include "model/nic.h"
#include "network/network.h"
#include "network/network_plan.h"

#define SYS "/sys/class/net"

/* ---- state */

static int is_port(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static cJSON *bridge_state(const char *name)
{
	cJSON *v = cJSON_CreateObject(), *upper = cJSON_CreateArray();
	AUTO_FREE char *path = mem_printf(SYS "/%s/brif", name);
	struct dirent **ports = NULL;
	int n = scandir(path, &ports, is_port, alphasort);
	char id[64];

	sysfs_text(id, sizeof(id), SYS "/%s/bridge/bridge_id", name);
	json_set_str(v, "id", id);
	json_set_bool(v, "stp", sysfs_int(0, SYS "/%s/bridge/stp_state", name) != 0);
	json_set_int(v, "forward_delay", sysfs_int(0, SYS "/%s/bridge/forward_delay", name));
	json_set_int(v, "vlan_default", sysfs_int(0, SYS "/%s/bridge/default_pvid", name));
	json_set_bool(v, "vlan_filtering", sysfs_int(0, SYS "/%s/bridge/vlan_filtering", name) != 0);
	for (int i = 0; i < n; i++) {
		cJSON_AddItemToArray(upper, cJSON_CreateString(ports[i]->d_name));
		free(ports[i]);
	}
	free(ports);
	json_set(v, "upper_devices", upper);
	return v;
}

void network_state_get(struct request *r)
{
	static const char *const counters[] = { "bytes_received", "bytes_sent", "packets_received", "packets_sent" };
	const cJSON *own = network_get(request_berthd(r), request_param(r, "name")), *link;
	const char *name = request_param(r, "name");
	AUTO_JSON cJSON *links = netns_state(getpid());
	char interface[16];
	cJSON *v, *c;

	if (own) { /* the parent's, of one that is no bridge */
		network_interface(own, interface);
		name = interface;
	}
	link = json_obj(links, name);
	if (!link) {
		reply_errorf(r, ERROR_NOT_FOUND, "Network interface \"%s\" not found", name);
		return;
	}
	v = cJSON_CreateObject();
	json_set(v, "addresses", cJSON_Duplicate(json_arr(link, "addresses"), true));
	c = cJSON_AddObjectToObject(v, "counters");
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		json_set_int(c, counters[i], json_int(json_obj(link, "counters"), counters[i], 0));
	json_set_str(v, "hwaddr", json_str_or(link, "hwaddr", ""));
	json_set_int(v, "mtu", json_int(link, "mtu", 0));
	json_set_str(v, "state", json_str_or(link, "state", ""));
	json_set_str(v, "type", json_str_or(link, "type", ""));
	json_set(v, "bond", cJSON_CreateNull());
	json_set(v, "bridge", network_sys_has(name, "bridge") ? bridge_state(name) : cJSON_CreateNull());
	json_set(v, "vlan", cJSON_CreateNull());
	json_set(v, "ovn", cJSON_CreateNull());
	reply_sync(r, v);
}

/* ---- leases */

static void add_lease(cJSON *list, const char *host, const char *hwaddr, const char *address, const char *type)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "hostname", host);
	json_set_str(v, "hwaddr", hwaddr);
	json_set_strf(v, "address", "%.*s", (int)strcspn(address, "/"), address);
	json_set_str(v, "type", type);
	json_set_str(v, "location", strcmp(type, "gateway") == 0 ? "" : "none");
	cJSON_AddItemToArray(list, v);
}

static void add_gateways(cJSON *list, const char *network)
{
	AUTO_JSON cJSON *links = netns_state(getpid());
	AUTO_FREE char *host = mem_printf("%s.gw", network);
	const cJSON *a;

	cJSON_ArrayForEach(a, json_arr(json_obj(links, network), "addresses"))
		if (strcmp(json_str_or(a, "scope", ""), "global") == 0)
			add_lease(list, host, "", json_str_or(a, "address", ""), "gateway");
}

static void add_static(const struct berthd *b, cJSON *list, const char *instance, const char *network)
{
	AUTO_FREE char *dir = instance_dir(b, instance);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const cJSON *dev;

	instance_expand_shown(b, registry_get(b->registry, instance)->desired, &config, &devices);
	cJSON_ArrayForEach(dev, devices) {
		const struct nic_source source = { config, devices, dir };
		struct nic nic;

		if (!network_has_nic(network, dev))
			continue;
		nic_resolve(&source, dev->string, dev, &nic);
		if (nic.ip4.text[0])
			add_lease(list, instance, nic.hwaddr ? nic.hwaddr : "", nic.ip4.text, "static");
		if (nic.ip6.text[0])
			add_lease(list, instance, nic.hwaddr ? nic.hwaddr : "", nic.ip6.text, "static");
	}
}

/* A lease from before the nic got its own address: dnsmasq forgets it when it ends, nobody uses it any more. */
static bool is_replaced(const cJSON *list, const struct lease *lease)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, list) {
		if (strcmp(json_str_or(v, "type", ""), "static") == 0 &&
		    strcasecmp(json_str_or(v, "hwaddr", ""), lease->hwaddr) == 0 &&
		    !strchr(json_str_or(v, "address", ""), ':'))
			return true;
	}
	return false;
}

static void add_dynamic(const struct lease *lease, void *data)
{
	if (lease->hwaddr[0] && is_replaced(data, lease))
		return;
	add_lease(data, lease->hostname, lease->hwaddr, lease->address, "dynamic");
}

void network_leases_get(struct request *r)
{
	const char *network = request_param(r, "name");
	const struct berthd *b = request_berthd(r);
	AUTO_FREE const char **names = NULL;
	cJSON *list;

	if (!network_managed(b, network)) {
		reply_errorf(r, ERROR_NOT_FOUND, "Failed loading network: Network not found");
		return;
	}
	if (strcmp(network_driver(b, network), "bridge") != 0) {
		reply_errorf(r, ERROR_UNSUPPORTED, "Not implemented");
		return;
	}
	list = cJSON_CreateArray();
	add_gateways(list, network);
	names = registry_names(b->registry);
	for (const char **n = names; *n; n++)
		add_static(b, list, *n, network);
	leases_read(b, network, add_dynamic, list);
	reply_sync(r, list);
}

