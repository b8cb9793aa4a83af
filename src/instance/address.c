/* SPDX-License-Identifier: MIT */
#include "instance/address.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "host/leases.h"
#include "instance/instance.h"
#include "instance/registry.h"
#include "model/address_maps.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic.h"
#include "model/settings.h"
#include "proc/op.h"

struct family {
	int family;
	const char *address, *gateway; /* properties */
	const char *mark; /* last part of the volatile key */
};
static const struct family families[] = {
	{ AF_INET, "ipv4.address", "ipv4.gateway", "ipv4.assigned" },
	{ AF_INET6, "ipv6.address", "ipv6.gateway", "ipv6.assigned" },
};

/* ---- what is taken: "ADDRESS" and "ADDRESS BRIDGE" lead to whose it is (an instance, or "") */

struct taken {
	struct berthd *b;
	const char *own_name;
	bool running; /* only what runs has any */
	struct strmap *owners;
};

static void take(struct taken *t, const char *text, const char *bridge, const char *owner)
{
	char address[INET6_ADDRSTRLEN];
	AUTO_FREE char *there = NULL;
	struct address a;

	if (address_parse_cidr(text, &a) < 0)
		return;
	address_text(&a, address);
	strmap_put(t->owners, address, mem_strdup(owner));
	if (!bridge)
		return;
	there = mem_printf("%s %s", address, bridge);
	strmap_put(t->owners, there, mem_strdup(owner));
}

static void take_list(struct taken *t, const char *list, const char *bridge, const char *owner)
{
	char address[INET6_ADDRSTRLEN];

	while ((list = type_next_address(list, address)))
		take(t, address, bridge, owner);
}

static void take_devices(struct taken *t, const cJSON *devices, const char *owner)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices) {
		if (strcmp(json_str_or(dev, "type", ""), "nic") != 0)
			continue;
		for (size_t i = 0; i < 2; i++) {
			const char *address = device_prop(dev, families[i].address);

			if (address && strchr(address, ','))
				take_list(t, address, nic_parent(dev), owner);
			else if (address)
				take(t, address, nic_parent(dev), owner);
		}
	}
}

static char *trimmed(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* lxc.net.N.link comes before or after lxc.net.N.ipv4.address: the bridge of the nearest line above is good enough
 * for a message; that the address is taken does not depend on it. */
static void take_raw(struct taken *t, const char *raw, const char *owner)
{
	AUTO_FREE char *text = mem_strdup(raw);
	AUTO_FREE char *link = NULL;
	char *save = NULL, *line;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *eq = strchr(line, '='), *key, *value;

		if (!eq)
			continue;
		*eq = '\0';
		key = trimmed(line);
		value = trimmed(eq + 1);
		if (strncmp(key, "lxc.net", 7) != 0)
			continue;
		key = strrchr(key, '.');
		if (strcmp(key, ".link") == 0) {
			free(link);
			link = mem_strdup(value);
		} else if (strcmp(key, ".address") == 0 || strcmp(key, ".ipv4") == 0 || strcmp(key, ".ipv6") == 0) {
			take(t, value, link, owner);
		}
	}
}

static void take_desired(struct taken *t, const cJSON *desired, const char *owner)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const char *raw;

	if (!cJSON_IsObject(desired) || strcmp(owner, t->own_name) == 0)
		return;
	instance_expand(t->b, desired, &config, &devices);
	take_devices(t, devices, owner);
	raw = json_str(config, "raw.lxc");
	if (raw)
		take_raw(t, raw, owner);
}

/* Launches have `desired`, updates `new`: what it will have when they are done. */
static void take_operation(struct op *op, void *data)
{
	const cJSON *args = op_args(op);
	const char *name = json_str(args, "name");

	if (op_final(op) || !name)
		return;
	take_desired(data, json_obj(args, "desired"), name);
	take_desired(data, json_obj(args, "new"), name);
}

static void take_host(struct taken *t)
{
	struct ifaddrs *all = NULL;
	struct address a;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next) {
		if (!address_of_interface(ifa, &a))
			continue;
		address_text(&a, text);
		take(t, text, ifa->ifa_name, "");
	}
	freeifaddrs(all);
}

static void take_lease(const struct lease *lease, void *data)
{
	take(data, lease->address, NULL, "");
}

static void collect(struct taken *t)
{
	AUTO_FREE const char **names = registry_names(t->b->registry);

	take_host(t);
	leases_read(t->b, t->b->settings->network_nat, take_lease, t);
	if (strcmp(t->b->settings->network_pub, t->b->settings->network_nat) != 0)
		leases_read(t->b, t->b->settings->network_pub, take_lease, t);
	for (const char **n = names; *n; n++) {
		const struct instance *inst = registry_get(t->b->registry, *n);

		if (!t->running || instance_active(inst))
			take_desired(t, inst->desired, *n);
	}
	if (!t->running)
		op_foreach(t->b->ops, take_operation, t);
}

/* ---- addresses that were asked for */

static bool same_place(const cJSON *a, const cJSON *b, const char *key)
{
	const char *parent_a = nic_parent(a), *parent_b = b ? nic_parent(b) : NULL;

	return b && device_same(a, b, key) && parent_a && parent_b && strcmp(parent_a, parent_b) == 0;
}

static int check_one(struct taken *t, const cJSON *dev, const struct family *f, struct error *err)
{
	const char *text = device_prop(dev, f->address), *bridge = nic_parent(dev), *owner;
	AUTO_FREE char *there = NULL;
	char address[INET6_ADDRSTRLEN];
	struct address a;

	if (!text || nic_kind(dev) != NIC_BRIDGED || address_parse_cidr(text, &a) < 0)
		return 0;
	address_text(&a, address);
	there = mem_printf("%s %s", address, bridge);
	owner = strmap_get(t->owners, there);
	if (owner && *owner)
		return error_set(err, ERROR_CONFLICT,
				 "IP address \"%s\" already defined on another NIC (of the instance '%s')", address,
				 owner);
	if (owner)
		return error_set(err, ERROR_CONFLICT, "IP address \"%s\" is the host's own on '%s'", address, bridge);
	strmap_put(t->owners, there, mem_strdup(t->own_name)); /* two nics of one instance */
	strmap_put(t->owners, address, mem_strdup(t->own_name));
	return 0;
}

static int check_devices(struct taken *t, const cJSON *devices, const cJSON *before, struct error *err)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices) {
		const cJSON *was = json_obj(before, dev->string);

		if (strcmp(json_str_or(dev, "type", ""), "nic") != 0)
			continue;
		for (size_t i = 0; i < 2; i++) {
			if (!same_place(dev, was, families[i].address) && check_one(t, dev, &families[i], err) < 0)
				return error_wrap(err, "Invalid value for device \"%s\" option \"%s\"", dev->string,
						  families[i].address);
		}
	}
	return 0;
}

static bool has_static(const cJSON *devices)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices)
		if (device_prop(dev, "ipv4.address") || device_prop(dev, "ipv6.address"))
			return true;
	return false;
}

static int check_against(struct taken *t, const cJSON *desired, const cJSON *before, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_JSON cJSON *old_config = NULL;
	AUTO_JSON cJSON *old_devices = NULL;
	int rc;

	instance_expand(t->b, desired, &config, &devices);
	if (!has_static(devices))
		return 0;
	if (before)
		instance_expand(t->b, before, &old_config, &old_devices);
	t->owners = strmap_new(free);
	collect(t);
	rc = check_devices(t, devices, old_devices, err);
	strmap_free(t->owners);
	return rc;
}

int address_check(struct berthd *b, const cJSON *desired, const cJSON *before, const char *own_name,
		  struct error *err)
{
	return check_against(&(struct taken){ .b = b, .own_name = own_name }, desired, before, err);
}

int address_check_start(struct berthd *b, const cJSON *desired, const char *own_name, struct error *err)
{
	return check_against(&(struct taken){ .b = b, .own_name = own_name, .running = true }, desired, NULL, err);
}

/* ---- the next free one */

static bool map_fits(const struct berthd *b, const struct address_map *m, int family, const char *bridge)
{
	return m->from.family == family &&
	       strcmp(bridge, m->nat ? b->settings->network_nat : b->settings->network_pub) == 0;
}

static bool next_free(const struct taken *t, const struct address_map *m, struct address *ret)
{
	char text[INET6_ADDRSTRLEN];

	for (uint32_t i = 0; i < m->count; i++) {
		if (!address_map_at(m, i, ret))
			continue;
		address_text(ret, text);
		if (!strmap_get(t->owners, text))
			return true;
	}
	return false;
}

/* The device that may be changed: the instance's own, made a copy of the profile's when it has none. */
static cJSON *own_device(cJSON *desired, const cJSON *expanded)
{
	cJSON *own = json_obj(json_obj(desired, "devices"), expanded->string);

	if (!own) {
		own = cJSON_Duplicate(expanded, true);
		json_set(json_obj(desired, "devices"), expanded->string, own);
	}
	return own;
}

static void give(struct taken *t, cJSON *desired, const cJSON *expanded, const struct family *f,
		 const struct address_map *m, const struct address *a)
{
	cJSON *own = own_device(desired, expanded);
	char text[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
	AUTO_FREE char *value = NULL;
	AUTO_FREE char *key = mem_printf("volatile.%s.%s", expanded->string, f->mark);

	address_text(a, text);
	value = mem_printf("%s/%u", text, m->prefix);
	json_set_str(own, f->address, value);
	json_set_str(json_obj(desired, "config"), key, value);
	if (!device_prop(expanded, f->gateway)) {
		address_text(&m->gateway, gateway);
		json_set_str(own, f->gateway, m->gateway.family ? gateway : "none");
	}
	take(t, value, nic_parent(expanded), t->own_name);
}

static int assign_one(struct taken *t, const struct address_maps *maps, cJSON *desired, const cJSON *dev,
		      const struct family *f, struct error *err)
{
	const struct address_map *full = NULL;
	struct address a;

	if (device_prop(dev, f->address))
		return 0;
	for (size_t i = 0; i < maps->n; i++) {
		const struct address_map *m = &maps->maps[i];

		if (!map_fits(t->b, m, f->family, nic_parent(dev)))
			continue;
		if (next_free(t, m, &a)) {
			give(t, desired, dev, f, m, &a);
			return 0;
		}
		full = m;
	}
	if (!full)
		return 0;
	return error_set(err, ERROR_CONFLICT,
			 "no address is free for the device \"%s\": all %u of the range '%s' (ipaddr_maps) are used",
			 dev->string, full->count, full->name);
}

static int assign_all(struct taken *t, const struct address_maps *maps, cJSON *desired, const cJSON *devices,
		      struct error *err)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices) {
		if (!nic_is_bridged(dev))
			continue;
		for (size_t i = 0; i < 2; i++)
			if (assign_one(t, maps, desired, dev, &families[i], err) < 0)
				return -1;
	}
	return 0;
}

int address_assign(struct berthd *b, cJSON *desired, const char *own_name, bool is_copy, struct error *err)
{
	struct taken t = { .b = b, .own_name = own_name };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	struct address_maps maps;
	int rc = 0;

	if (address_maps_parse(b->settings->ipaddr_maps, &maps, err) < 0)
		return -1;
	instance_expand(b, desired, &config, &devices);
	if (maps.n > 0 || has_static(devices)) {
		t.owners = strmap_new(free);
		collect(&t);
		rc = is_copy ? 0 : check_devices(&t, devices, NULL, err);
		if (rc == 0)
			rc = assign_all(&t, &maps, desired, devices, err);
		strmap_free(t.owners);
	}
	address_maps_clear(&maps);
	return rc;
}

/* ---- copies */

void address_forget(cJSON *desired, const cJSON *source)
{
	cJSON *dev;

	cJSON_ArrayForEach(dev, json_obj(desired, "devices")) {
		for (size_t i = 0; i < 2; i++) {
			AUTO_FREE char *key = mem_printf("volatile.%s.%s", dev->string, families[i].mark);
			const char *given = json_str(json_obj(source, "config"), key);
			const char *has = json_str(dev, families[i].address);

			if (!given || !has || strcmp(given, has) != 0)
				continue;
			json_set_str(dev, families[i].address, NULL);
			json_set_str(dev, families[i].gateway, NULL);
		}
	}
}
