/* SPDX-License-Identifier: MIT */
/*
 * /1.0/networks: the host's interfaces as LXD lists them. Managed are the two bridges of berth.conf, which host-init
 * makes: they can be looked at here, not changed.
 */
#include "api/networks.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/router.h"
#include "api/sysfs.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "host/leases.h"
#include "instance/instance.h"
#include "instance/registry.h"
#include "lxc/netns.h"
#include "model/key_types.h"
#include "model/nic.h"
#include "model/profile.h"
#include "model/settings.h"

#define SYS "/sys/class/net"
#define NOT_OURS_TO_CHANGE \
	"berth does not make or change networks: `berth host init` sets up the bridges of berth.conf (network_pub, network_nat)"

bool network_managed(const struct berthd *b, const char *name)
{
	return strcmp(name, b->settings->network_pub) == 0 || strcmp(name, b->settings->network_nat) == 0;
}

static bool sys_has(const char *name, const char *file)
{
	AUTO_FREE char *path = mem_printf(SYS "/%s/%s", name, file);

	return fs_exists(path);
}

static bool network_exists(const char *name)
{
	return type_is_ifname(name) && sys_has(name, "ifindex");
}

static const char *type_of(const char *name)
{
	if (strcmp(name, "lo") == 0)
		return "loopback";
	if (sys_has(name, "bridge"))
		return "bridge";
	if (sys_has(name, "bonding"))
		return "bond";
	return sys_has(name, "device") ? "physical" : "unknown";
}

/* ---- who uses it */

/* NULL: no nic, or one without a parent. */
static const char *parent_of(const cJSON *dev)
{
	return strcmp(json_str_or(dev, "type", ""), "nic") == 0 ? nic_parent(dev) : NULL;
}

/* Does a device before this one have the parent, too? */
static bool is_second(const cJSON *devices, const cJSON *dev, const char *parent)
{
	const cJSON *other;

	cJSON_ArrayForEach(other, devices) {
		const char *its = parent_of(other);

		if (other == dev)
			return false;
		if (its && strcmp(its, parent) == 0)
			return true;
	}
	return false;
}

static void add_user(cJSON *users, const cJSON *devices, const char *kind, const char *name)
{
	AUTO_FREE char *url = mem_printf("/1.0/%s/%s", kind, name);
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices) {
		const char *parent = parent_of(dev);
		cJSON *urls = parent ? json_arr(users, parent) : NULL;

		if (!parent || is_second(devices, dev, parent))
			continue;
		if (!urls)
			urls = cJSON_AddArrayToObject(users, parent);
		cJSON_AddItemToArray(urls, cJSON_CreateString(url));
	}
}

/* {parent: [URLs]} of all that have a nic there, profiles first. */
static cJSON *users_by_parent(const struct berthd *b)
{
	AUTO_FREE const char **profiles = profile_names(b->profiles);
	AUTO_FREE const char **names = registry_names(b->registry);
	cJSON *users = cJSON_CreateObject();

	for (const char **p = profiles; *p; p++)
		add_user(users, json_obj(profile_get(b->profiles, *p), "devices"), "profiles", *p);
	for (const char **n = names; *n; n++) {
		AUTO_JSON cJSON *config = NULL;
		AUTO_JSON cJSON *devices = NULL;

		instance_expand(b, registry_get(b->registry, *n)->desired, &config, &devices);
		add_user(users, devices, "instances", *n);
	}
	return users;
}

/* ---- views */

static void set_address(cJSON *config, const cJSON *link, const char *family, const char *key)
{
	const cJSON *a;

	json_set_str(config, key, "none");
	cJSON_ArrayForEach(a, json_arr(link, "addresses")) {
		if (strcmp(json_str_or(a, "family", ""), family) != 0 || strcmp(json_str_or(a, "scope", ""), "global") != 0)
			continue;
		json_set_strf(config, key, "%s/%s", json_str_or(a, "address", ""), json_str_or(a, "netmask", ""));
		return;
	}
}

/* links: netns_state() of the host, for the addresses of managed ones; users: users_by_parent(). */
static cJSON *view(const struct berthd *b, const char *name, const cJSON *links, const cJSON *users)
{
	bool managed = network_managed(b, name);
	const cJSON *urls = json_arr(users, name);
	cJSON *v = cJSON_CreateObject(), *config = cJSON_AddObjectToObject(v, "config");

	if (managed) {
		set_address(config, json_obj(links, name), "inet", "ipv4.address");
		set_address(config, json_obj(links, name), "inet6", "ipv6.address");
		if (strcmp(name, b->settings->network_nat) == 0)
			json_set_str(config, "ipv4.nat", "true");
		json_sort(config);
	}
	json_set_str(v, "description", "");
	json_set_str(v, "name", name);
	json_set_str(v, "type", type_of(name));
	json_set(v, "used_by", urls ? cJSON_Duplicate(urls, true) : cJSON_CreateArray());
	json_set_bool(v, "managed", managed);
	json_set_str(v, "status", managed ? "Created" : "");
	json_set(v, "locations", managed ? cJSON_CreateStringArray((const char *const[]){ "none" }, 1) : cJSON_CreateNull());
	return v;
}

/* LXD leaves out the host's ends of containers' veths too. */
static const char **interfaces(struct strmap *names)
{
	DIR *dir = opendir(SYS);
	const struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (network_exists(d->d_name) && strncmp(d->d_name, "veth", 4) != 0)
			strmap_put(names, d->d_name, names);
	if (dir)
		closedir(dir);
	return strmap_keys(names);
}

static void networks_get(struct request *r)
{
	const struct berthd *b = request_berthd(r);
	struct strmap *map = strmap_new(NULL);
	AUTO_FREE const char **names = interfaces(map);
	bool whole = request_recursion(r) > 0;
	AUTO_JSON cJSON *links = whole ? netns_state(getpid()) : NULL;
	AUTO_JSON cJSON *users = whole ? users_by_parent(b) : NULL;
	cJSON *list = cJSON_CreateArray();

	for (const char **n = names; *n; n++) {
		AUTO_FREE char *url = mem_printf("/1.0/networks/%s", *n);

		cJSON_AddItemToArray(list, whole ? view(b, *n, links, users) : cJSON_CreateString(url));
	}
	strmap_free(map);
	reply_sync(r, list);
}

static void network_get(struct request *r)
{
	const struct berthd *b = request_berthd(r);
	const char *name = request_param(r, "name");
	AUTO_JSON cJSON *links = NULL;
	AUTO_JSON cJSON *users = NULL;
	char etag[65];
	cJSON *v;

	if (!network_exists(name)) {
		reply_errorf(r, ERROR_NOT_FOUND, "Network not found");
		return;
	}
	links = netns_state(getpid());
	users = users_by_parent(b);
	v = view(b, name, links, users);
	etag_of(json_obj(v, "config"), etag);
	reply_sync_etag(r, v, etag);
}

static void refuse_new(struct request *r)
{
	reply_errorf(r, ERROR_UNSUPPORTED, "not supported: " NOT_OURS_TO_CHANGE);
}

static void refuse_change(struct request *r)
{
	if (network_exists(request_param(r, "name")))
		refuse_new(r);
	else
		reply_errorf(r, ERROR_NOT_FOUND, "Network not found");
}

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

static void state_get(struct request *r)
{
	static const char *const counters[] = { "bytes_received", "bytes_sent", "packets_received", "packets_sent" };
	const char *name = request_param(r, "name");
	AUTO_JSON cJSON *links = netns_state(getpid());
	const cJSON *link = json_obj(links, name);
	cJSON *v, *c;

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
	json_set(v, "bridge", sys_has(name, "bridge") ? bridge_state(name) : cJSON_CreateNull());
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

	instance_expand(b, registry_get(b->registry, instance)->desired, &config, &devices);
	cJSON_ArrayForEach(dev, devices) {
		const char *parent = parent_of(dev);
		const struct nic_source source = { config, devices, dir };
		struct nic nic;

		if (!parent || strcmp(parent, network) != 0)
			continue;
		nic_resolve(&source, dev->string, dev, &nic);
		if (nic.ip4.text[0])
			add_lease(list, instance, nic.hwaddr ? nic.hwaddr : "", nic.ip4.text, "static");
		if (nic.ip6.text[0])
			add_lease(list, instance, nic.hwaddr ? nic.hwaddr : "", nic.ip6.text, "static");
	}
}

static void add_dynamic(const struct lease *lease, void *data)
{
	add_lease(data, lease->hostname, lease->hwaddr, lease->address, "dynamic");
}

static void leases_get(struct request *r)
{
	const char *network = request_param(r, "name");
	const struct berthd *b = request_berthd(r);
	AUTO_FREE const char **names = NULL;
	cJSON *list;

	if (!network_managed(b, network)) {
		reply_errorf(r, ERROR_NOT_FOUND, "Network not found");
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

const struct route network_routes[] = {
	{ "GET", "/1.0/networks", networks_get, NULL },
	{ "POST", "/1.0/networks", refuse_new, NULL },
	{ "GET", "/1.0/networks/{name}", network_get, NULL },
	{ "PUT", "/1.0/networks/{name}", refuse_change, NULL },
	{ "PATCH", "/1.0/networks/{name}", refuse_change, NULL },
	{ "POST", "/1.0/networks/{name}", refuse_change, NULL },
	{ "DELETE", "/1.0/networks/{name}", refuse_change, NULL },
	{ "GET", "/1.0/networks/{name}/state", state_get, NULL },
	{ "GET", "/1.0/networks/{name}/leases", leases_get, NULL },
	{ .method = NULL },
};
