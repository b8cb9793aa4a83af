/* SPDX-License-Identifier: MIT */
/*
 * /1.0/networks: berth's own networks (network/network.h) and the host's interfaces, as LXD lists them. Managed are also
 * the two bridges of berth.conf, which host-init makes: they can be looked at here, not changed.
 */
#include "api/networks.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/router.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "base/sysfs.h"
#include "instance/instance.h"
#include "instance/registry.h"
#include "lxc/netns.h"
#include "model/key_types.h"
#include "model/nic.h"
#include "model/profile.h"
#include "model/settings.h"
#include "network/network.h"

#define SYS "/sys/class/net"
bool network_managed(const struct berthd *b, const char *name)
{
	return network_get(b, name) || strcmp(name, b->settings->network_pub) == 0 ||
	       strcmp(name, b->settings->network_nat) == 0;
}

const char *network_driver(const struct berthd *b, const char *name)
{
	return json_str_or(network_get(b, name), "type", "bridge");
}

void network_etag(const cJSON *object, char etag[65])
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	json_set(v, "config", cJSON_Duplicate(json_obj(object, "config"), true));
	json_set_str(v, "description", json_str_or(object, "description", ""));
	etag_of(v, etag);
}

bool network_sys_has(const char *name, const char *file)
{
	AUTO_FREE char *path = mem_printf(SYS "/%s/%s", name, file);

	return fs_exists(path);
}

static bool network_exists(const char *name)
{
	return type_is_ifname(name) && network_sys_has(name, "ifindex");
}

static const char *type_of(const char *name)
{
	if (strcmp(name, "lo") == 0)
		return "loopback";
	if (network_sys_has(name, "bridge"))
		return "bridge";
	if (network_sys_has(name, "bonding"))
		return "bond";
	return network_sys_has(name, "device") ? "physical" : "unknown";
}

/* ---- who uses it */

/* NULL: no nic, or one without a parent. */
static const char *parent_of(const cJSON *dev)
{
	if (strcmp(json_str_or(dev, "type", ""), "nic") != 0)
		return NULL;
	return json_str(dev, "network") ? json_str(dev, "network") : json_str(dev, "parent");
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

		instance_expand_shown(b, registry_get(b->registry, *n)->desired, &config, &devices);
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

/* Of what host-init made. links: netns_state() of the host. */
static cJSON *found_config(const struct berthd *b, const char *name, const cJSON *links)
{
	cJSON *config = cJSON_CreateObject();

	if (!network_managed(b, name))
		return config;
	set_address(config, json_obj(links, name), "inet", "ipv4.address");
	set_address(config, json_obj(links, name), "inet6", "ipv6.address");
	if (strcmp(name, b->settings->network_nat) == 0)
		json_set_str(config, "ipv4.nat", "true");
	json_sort(config);
	return config;
}

/* links: for the addresses of host-init's; users: users_by_parent(). */
static cJSON *view(const struct berthd *b, const char *name, const cJSON *links, const cJSON *users)
{
	const cJSON *object = network_get(b, name), *urls = json_arr(users, name);
	bool managed = network_managed(b, name);
	cJSON *v = cJSON_CreateObject();

	json_set(v, "config", object ? cJSON_Duplicate(json_obj(object, "config"), true) : found_config(b, name, links));
	json_set_str(v, "description", json_str_or(object, "description", ""));
	json_set_str(v, "name", name);
	json_set_str(v, "type", object ? json_str_or(object, "type", "") : type_of(name));
	json_set(v, "used_by", urls ? cJSON_Duplicate(urls, true) : cJSON_CreateArray());
	json_set_bool(v, "managed", managed);
	json_set_str(v, "status", !managed ? "" : object && !network_works(b, name) ? "Unavailable" : "Created");
	json_set(v, "locations", managed ? cJSON_CreateStringArray((const char *const[]){ "none" }, 1) : cJSON_CreateNull());
	return v;
}

/* LXD leaves out the host's ends of containers' veths too. */
static const char **interfaces(const struct berthd *b, struct strmap *names)
{
	AUTO_FREE const char **own = network_names(b);
	DIR *dir = opendir(SYS);
	const struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (network_exists(d->d_name) && strncmp(d->d_name, "veth", 4) != 0)
			strmap_put(names, d->d_name, names);
	if (dir)
		closedir(dir);
	for (const char **name = own; *name; name++)
		strmap_put(names, *name, names);
	return strmap_keys(names);
}

static void networks_get(struct request *r)
{
	const struct berthd *b = request_berthd(r);
	struct strmap *map = strmap_new(NULL);
	AUTO_FREE const char **names = interfaces(b, map);
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

static void get_one(struct request *r)
{
	const struct berthd *b = request_berthd(r);
	const char *name = request_param(r, "name");
	AUTO_JSON cJSON *links = NULL;
	AUTO_JSON cJSON *users = NULL;
	char etag[65];
	cJSON *v;

	if (!network_get(b, name) && !network_exists(name)) {
		reply_errorf(r, ERROR_NOT_FOUND, "Network not found");
		return;
	}
	links = netns_state(getpid());
	users = users_by_parent(b);
	v = view(b, name, links, users);
	network_etag(v, etag);
	reply_sync_etag(r, v, etag);
}

const struct route network_routes[] = {
	{ "GET", "/1.0/networks", networks_get, NULL },
	{ "POST", "/1.0/networks", networks_post, NULL },
	{ "GET", "/1.0/networks/{name}", get_one, NULL },
	{ "PUT", "/1.0/networks/{name}", networks_put_one, NULL },
	{ "PATCH", "/1.0/networks/{name}", networks_patch_one, NULL },
	{ "POST", "/1.0/networks/{name}", networks_post_one, NULL },
	{ "DELETE", "/1.0/networks/{name}", networks_delete_one, NULL },
	{ "GET", "/1.0/networks/{name}/state", network_state_get, NULL },
	{ "GET", "/1.0/networks/{name}/leases", network_leases_get, NULL },
	{ .method = NULL },
};
