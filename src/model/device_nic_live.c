/* SPDX-License-Identifier: MIT */
/* Changes of nics while the container runs, by ip(8) in its network namespace. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic.h"

struct nic_live {
	const struct live_change *change;
	const char *device;
	char netns[40]; /* --net=/proc/PID/ns/net */
	char pid[16];
};

static struct nic resolve(const struct live_change *c, bool new_one, const char *device, const cJSON *props)
{
	struct nic_source src = { new_one ? c->new_config : c->old_config,
				  new_one ? c->new_devices : c->old_devices, c->instance_dir };
	struct nic nic;

	nic_resolve(&src, device, props, &nic);
	return nic;
}

#define INSIDE(l, ...) live_command((l)->change, (l)->device, "nsenter", (l)->netns, "ip", __VA_ARGS__, NULL)
#define HOST(l, ...) live_command((l)->change, (l)->device, "ip", __VA_ARGS__, NULL)

/* When unsure, what the last command takes away may be gone. */
static void forgive(const struct nic_live *l)
{
	cJSON *commands = l->change->commands;

	if (l->change->unsure)
		json_set_bool(cJSON_GetArrayItem(commands, cJSON_GetArraySize(commands) - 1), "may_fail", true);
}

static void set_watch(const struct nic_live *l, const struct nic *nic)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;

	argv_pushf(&argv, "%s/berth-nic-up", l->change->libexec_dir);
	argv_pushf(&argv, "--device=%s", nic->host);
	nic_watch_arguments(nic, &argv);
	live_command_argv(l->change, l->device, &argv);
}

static void end_watch(const struct nic_live *l, const struct nic *nic)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;

	argv_pushf(&argv, "%s/berth-nic-up", l->change->libexec_dir);
	argv_pushf(&argv, "--device=%s", nic->host);
	nic_gone_arguments(nic, &argv);
	live_command_argv(l->change, l->device, &argv);
	forgive(l);
}

static bool same_watch(const struct nic *a, const struct nic *b)
{
	AUTO_ARGV struct argv x = ARGV_INIT;
	AUTO_ARGV struct argv y = ARGV_INIT;
	bool same;

	nic_watch_arguments(a, &x);
	nic_watch_arguments(b, &y);
	same = x.n == y.n;
	for (size_t i = 0; same && i < x.n; i++)
		same = strcmp(x.v[i], y.v[i]) == 0;
	return same;
}

static void set_address(const struct nic_live *l, const char *guest, const char *family,
			const struct nic_address *old, const struct nic_address *new)
{
	if (old && old->gateway[0] && strcmp(old->gateway, new->gateway) != 0 &&
	    strcmp(old->gateway, "auto") != 0) {
		INSIDE(l, family, "route", "del", "default", "via", old->gateway, "dev", guest);
		forgive(l);
	}
	if (old && old->text[0] && strcmp(old->text, new->text) != 0) {
		INSIDE(l, family, "addr", "del", old->text, "dev", guest);
		forgive(l);
	}
	if (new->text[0])
		INSIDE(l, family, "addr", "replace", new->text, "dev", guest);
	if (new->gateway[0])
		INSIDE(l, family, "route", "replace", "default", "via", new->gateway, "dev", guest);
}

/* Addresses of a routed nic that are in the first list, not in the second: added inside, or taken away. */
static void routed_addresses(const struct nic_live *l, const char *guest, int family, const char *verb, const char *list,
			     const char *but)
{
	char address[INET6_ADDRSTRLEN], other[INET6_ADDRSTRLEN];

	while ((list = type_next_address(list, address))) {
		const char *rest = but;
		char cidr[INET6_ADDRSTRLEN + 4];

		while ((rest = type_next_address(rest, other)) && strcmp(other, address) != 0)
			;
		if (rest)
			continue;
		snprintf(cidr, sizeof(cidr), "%s/%d", address, family == 4 ? 32 : 128);
		if (family == 4)
			INSIDE(l, "-4", "addr", verb, cidr, "dev", guest);
		else if (strcmp(verb, "del") == 0)
			INSIDE(l, "-6", "addr", "del", cidr, "dev", guest);
		else /* nobody else is on its link who could have it */
			INSIDE(l, "-6", "addr", "replace", cidr, "dev", guest, "nodad");
		if (strcmp(verb, "del") == 0)
			forgive(l);
	}
}

/* The gateway is on no network of its own: first the way to it. */
static void routed_gateway(const struct nic_live *l, const struct nic *nic, const char *family, const char *gateway)
{
	if (!*gateway)
		return;
	INSIDE(l, family, "route", "replace", gateway, "dev", nic->guest, "scope", "link");
	INSIDE(l, family, "route", "replace", "default", "via", gateway, "dev", nic->guest);
}

static void add_routed(const struct nic_live *l, const struct nic *nic)
{
	set_watch(l, nic);
	routed_addresses(l, nic->guest, 4, "replace", nic->routed4, "");
	routed_addresses(l, nic->guest, 6, "replace", nic->routed6, "");
	routed_gateway(l, nic, "-4", nic->ip4.gateway);
	routed_gateway(l, nic, "-6", nic->ip6.gateway);
}

static void add_veth(const struct nic_live *l, const struct nic *nic)
{
	HOST(l, "link", "add", "name", nic->host, "type", "veth", "peer", "name", nic->guest, "netns",
	     l->pid);
	if (nic->hwaddr)
		INSIDE(l, "link", "set", "dev", nic->guest, "address", nic->hwaddr);
	if (nic->mtu) {
		HOST(l, "link", "set", "dev", nic->host, "mtu", nic->mtu);
		INSIDE(l, "link", "set", "dev", nic->guest, "mtu", nic->mtu);
	}
	if (nic->kind == NIC_BRIDGED)
		HOST(l, "link", "set", "dev", nic->host, "master", nic->parent);
	HOST(l, "link", "set", "dev", nic->host, "up");
}

static void add_macvlan(const struct nic_live *l, const struct nic *nic)
{
	HOST(l, "link", "add", "link", nic->parent, "name", nic->host, "type", "macvlan", "mode", "bridge");
	HOST(l, "link", "set", "dev", nic->host, "netns", l->pid);
	INSIDE(l, "link", "set", "dev", nic->host, "name", nic->guest); /* who has that name already keeps it */
	if (nic->hwaddr)
		INSIDE(l, "link", "set", "dev", nic->guest, "address", nic->hwaddr);
	if (nic->mtu)
		INSIDE(l, "link", "set", "dev", nic->guest, "mtu", nic->mtu);
}

/* When unsure it may be on its way still, under its name of the host; whoever has the other name is somebody else then. */
static void remove_macvlan(const struct nic_live *l, const struct nic *nic)
{
	cJSON *commands = l->change->commands;

	if (l->change->unsure) {
		HOST(l, "link", "del", "dev", nic->host);
		forgive(l);
		INSIDE(l, "link", "del", "dev", nic->host);
		forgive(l);
		json_set_bool(cJSON_GetArrayItem(commands, cJSON_GetArraySize(commands) - 1), "spares_next", true);
	}
	INSIDE(l, "link", "del", "dev", nic->guest);
	forgive(l);
}

/* What an addition that was cut short left: a veth goes as a whole. */
static void remove_remains(const struct nic_live *l, const struct nic *nic)
{
	if (nic->kind == NIC_MACVLAN) {
		remove_macvlan(l, nic);
		return;
	}
	HOST(l, "link", "del", "dev", nic->host);
	forgive(l);
}

static bool gateway_is_auto(const struct nic *nic)
{
	return strcmp(nic->ip4.gateway, "auto") == 0 || strcmp(nic->ip6.gateway, "auto") == 0;
}

static enum live_result nic_add(const struct nic_live *l, const struct nic *nic)
{
	/* a physical interface would not come back under its name; what auto means only LXC works out */
	if (nic->kind == NIC_PHYSICAL || gateway_is_auto(nic))
		return LIVE_PENDING;
	if (l->change->unsure)
		remove_remains(l, nic);
	if (nic->kind == NIC_MACVLAN)
		add_macvlan(l, nic);
	else
		add_veth(l, nic);
	INSIDE(l, "link", "set", "dev", nic->guest, "up");
	if (nic->kind == NIC_ROUTED) {
		add_routed(l, nic);
		return LIVE_APPLIED;
	}
	set_address(l, nic->guest, "-4", NULL, &nic->ip4);
	set_address(l, nic->guest, "-6", NULL, &nic->ip6);
	if (nic_is_watched(nic))
		set_watch(l, nic);
	return LIVE_APPLIED;
}

static enum live_result nic_remove(const struct nic_live *l, struct nic *nic)
{
	if (nic->kind == NIC_PHYSICAL)
		return LIVE_PENDING;
	if (nic->kind == NIC_MACVLAN) {
		remove_macvlan(l, nic);
		return LIVE_APPLIED;
	}
	if (nic_is_watched(nic))
		end_watch(l, nic);
	HOST(l, "link", "del", "dev", nic->host);
	forgive(l);
	return LIVE_APPLIED;
}

/* Everything that only a new interface could change is the same? */
static bool same_interface(const struct nic *old, const struct nic *new)
{
	return old->kind == new->kind && strcmp(old->guest, new->guest) == 0 &&
	       strcmp(old->host, new->host) == 0 && (!old->hwaddr) == (!new->hwaddr) &&
	       (!old->hwaddr || strcmp(old->hwaddr, new->hwaddr) == 0) &&
	       (new->kind == NIC_BRIDGED || new->kind == NIC_ROUTED || !new->parent ||
		strcmp(old->parent, new->parent) == 0) &&
	       (new->mtu || !old->mtu);
}

static void leave_gateway(const struct nic_live *l, const char *guest, const char *family, const char *old, const char *new)
{
	if (!*old || strcmp(old, new) == 0)
		return;
	INSIDE(l, family, "route", "del", "default", "via", old, "dev", guest);
	forgive(l);
	INSIDE(l, family, "route", "del", old, "dev", guest);
	forgive(l);
}

/* The way out goes before its last address does, and is made again. */
static void change_routed(const struct nic_live *l, const struct nic *old, const struct nic *new)
{
	end_watch(l, old);
	leave_gateway(l, new->guest, "-4", old->ip4.gateway, new->ip4.gateway);
	leave_gateway(l, new->guest, "-6", old->ip6.gateway, new->ip6.gateway);
	routed_addresses(l, new->guest, 4, "del", old->routed4, new->routed4);
	routed_addresses(l, new->guest, 6, "del", old->routed6, new->routed6);
	add_routed(l, new);
}

static bool same_address(const struct nic_address *a, const struct nic_address *b)
{
	return strcmp(a->text, b->text) == 0 && strcmp(a->gateway, b->gateway) == 0;
}

static void change_ways(const struct nic_live *l, const struct nic *old, const struct nic *new)
{
	if (new->kind == NIC_ROUTED) {
		change_routed(l, old, new);
		return;
	}
	if (!same_address(&old->ip4, &new->ip4))
		set_address(l, new->guest, "-4", &old->ip4, &new->ip4);
	if (!same_address(&old->ip6, &new->ip6))
		set_address(l, new->guest, "-6", &old->ip6, &new->ip6);
	if (same_watch(old, new) && !(new->isolated && strcmp(old->parent, new->parent) != 0)) /* another port */
		return;
	if (*old->routes4 || *old->routes6)
		end_watch(l, old);
	set_watch(l, new);
}

/* Another interface takes its place, as LXD has it: what was set up inside goes with the old one. */
static enum live_result nic_replace(const struct nic_live *l, struct nic *old, const struct nic *new)
{
	if (old->kind == NIC_PHYSICAL || new->kind == NIC_PHYSICAL)
		return LIVE_PENDING;
	(void)nic_remove(l, old);
	return nic_add(l, new);
}

static enum live_result nic_change(const struct nic_live *l, struct nic *old, const struct nic *new)
{
	if (gateway_is_auto(new))
		return LIVE_PENDING;
	if (!same_interface(old, new))
		return nic_replace(l, old, new);
	if (new->kind == NIC_BRIDGED && strcmp(old->parent, new->parent) != 0)
		HOST(l, "link", "set", "dev", new->host, "master", new->parent);
	if (new->mtu && (!old->mtu || strcmp(old->mtu, new->mtu) != 0)) {
		if (nic_is_veth(new->kind))
			HOST(l, "link", "set", "dev", new->host, "mtu", new->mtu);
		INSIDE(l, "link", "set", "dev", new->guest, "mtu", new->mtu);
	}
	change_ways(l, old, new);
	return LIVE_APPLIED;
}

enum live_result nic_live(const struct live_change *change, const char *device, const cJSON *old_props,
			  const cJSON *new_props, struct error *err)
{
	struct nic_live l = { .change = change, .device = device };
	struct nic old = { 0 }, new = { 0 };

	snprintf(l.netns, sizeof(l.netns), "--net=/proc/%d/ns/net", (int)change->live.pid);
	snprintf(l.pid, sizeof(l.pid), "%d", (int)change->live.pid);
	if (old_props)
		old = resolve(change, false, device, old_props);
	if (new_props)
		new = resolve(change, true, device, new_props);
	if (!old_props)
		return nic_add(&l, &new);
	if (!new_props)
		return nic_remove(&l, &old);
	return nic_change(&l, &old, &new);
}
