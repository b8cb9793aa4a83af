/* SPDX-License-Identifier: MIT */
/* What is to be changed of an interface, as lines for `ip -batch -`. */
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/leases.h"
#include "network/network_keys.h"
#include "network/network_plan.h"

#define SYS "/sys/class/net"

/* A file of the interface is this text. */
static bool shows(const char *interface, const char *file, const char *text)
{
	AUTO_FREE char *path = mem_printf(SYS "/%s/%s", interface, file);
	AUTO_STRBUF struct strbuf now = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file(path, 64, &now, &ignored) == 0 && now.len == strlen(text) + 1 &&
	       strncasecmp(now.buf, text, strlen(text)) == 0;
}

void network_hwaddr(const cJSON *object, const char *state_path, char out[18])
{
	const char *set = network_value(object, "bridge.hwaddr"), *name = json_str_or(object, "name", "");
	uint64_t hash;

	if (set) {
		snprintf(out, 18, "%s", set);
		return;
	}
	hash = text_hash(text_hash(TEXT_HASH_BEGIN, state_path), name);
	hash ^= hash >> 32;
	snprintf(out, 18, "00:16:3e:%02x:%02x:%02x", (unsigned)(hash >> 16 & 0xff), (unsigned)(hash >> 8 & 0xff),
		 (unsigned)(hash & 0xff));
}

static void link_of_parent(const cJSON *object, struct strbuf *out)
{
	const char *parent = network_value(object, "parent"), *vlan = network_value(object, "vlan");
	const char *mtu = network_value(object, "mtu");
	bool physical = strcmp(json_str_or(object, "type", ""), "physical") == 0;
	char interface[16];

	network_interface(object, interface);
	if (vlan && if_nametoindex(interface) == 0)
		strbuf_addf(out, "link add link %s name %s type vlan id %s%s\nlink set dev %s up\n", parent, interface, vlan,
			    network_flag(object, "gvrp", false) ? " gvrp on" : "", interface);
	if (mtu && (vlan || physical) && !shows(interface, "mtu", mtu))
		strbuf_addf(out, "link set dev %s mtu %s\n", interface, mtu);
}

void network_batch_link(const cJSON *object, const char *state_path, struct strbuf *out)
{
	const char *name = json_str_or(object, "name", ""), *mtu = network_value(object, "bridge.mtu");
	char hwaddr[18];

	if (!network_is_bridge(object)) {
		link_of_parent(object, out);
		return;
	}
	network_hwaddr(object, state_path, hwaddr);
	if (if_nametoindex(name) == 0)
		strbuf_addf(out, "link add name %s address %s type bridge\n", name, hwaddr);
	else if (!shows(name, "address", hwaddr))
		strbuf_addf(out, "link set dev %s address %s\n", name, hwaddr);
	if (mtu && !shows(name, "mtu", mtu))
		strbuf_addf(out, "link set dev %s mtu %s\n", name, mtu);
}

/* ---- addresses */

static bool has_address(const char *interface, const struct network_side *side)
{
	struct ifaddrs *all = NULL;
	struct address a;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next)
		found = strcmp(i->ifa_name, interface) == 0 && address_of_interface(i, &a) &&
			address_equal(&side->address, &a) && address_prefix_of_interface(i) == side->prefix;
	freeifaddrs(all);
	return found;
}

/* Only what we had put there goes: others may have put theirs. */
static void change_address(const cJSON *object, const cJSON *old, int family, struct strbuf *out)
{
	const char *name = json_str_or(object, "name", "");
	struct network_side now, then = { .prefix = 0 };

	network_side(object, family, &now);
	if (old)
		network_side(old, family, &then);
	if (then.address.family && (!address_equal(&then.address, &now.address) || then.prefix != now.prefix) &&
	    has_address(name, &then))
		strbuf_addf(out, "addr del %s/%u dev %s\n", then.gateway, then.prefix, name);
	if (now.address.family && !has_address(name, &now))
		strbuf_addf(out, "addr replace %s/%u dev %s %s\n", now.gateway, now.prefix, name, family == AF_INET ? "brd +" : "nodad");
}

/* ---- lists */

struct lines {
	struct strbuf *out;
	const char *name;
	const char *other; /* another list: what is in it, too, is left out */
	bool take_away;
};

static bool differs(const char *word, void *data)
{
	return strcmp(word, data) != 0;
}

static bool add_route(const char *word, void *data)
{
	const struct lines *l = data;

	if (l->take_away && !network_each_word(l->other, differs, (void *)(uintptr_t)word))
		return true;
	strbuf_addf(l->out, "route replace %s dev %s proto static\n", word, l->name);
	if (l->take_away) /* there for certain: ip says nothing */
		strbuf_addf(l->out, "route del %s dev %s proto static\n", word, l->name);
	return true;
}

static bool is_port_of(const char *interface, const char *bridge)
{
	AUTO_FREE char *path = mem_printf(SYS "/%s/brif/%s", bridge, interface);

	return fs_exists(path);
}

static bool add_port(const char *word, void *data)
{
	const struct lines *l = data;
	bool is = is_port_of(word, l->name);

	if (!l->take_away && !is && if_nametoindex(word) != 0)
		strbuf_addf(l->out, "link set dev %s up master %s\n", word, l->name);
	else if (l->take_away && is && network_each_word(l->other, differs, (void *)(uintptr_t)word))
		strbuf_addf(l->out, "link set dev %s nomaster\n", word);
	return true;
}

/* What the object has of a list; nothing without the address that the list needs. */
static const char *list_of(const cJSON *object, const char *key, const char *address)
{
	return object && (!address || network_value(object, address)) ? network_value(object, key) : NULL;
}

static void change_list(const cJSON *object, const cJSON *old, const char *key, const char *address,
			bool (*add)(const char *, void *), struct lines *l)
{
	const char *list = list_of(object, key, address);

	l->take_away = true;
	l->other = list;
	(void)network_each_word(list_of(old, key, address), add, l);
	l->take_away = false;
	(void)network_each_word(list, add, l);
}

void network_batch_addresses(const cJSON *object, const cJSON *old, struct strbuf *out)
{
	const char *name = json_str_or(object, "name", "");
	struct lines l = { .out = out, .name = name };

	if (!network_is_bridge(object))
		return;
	if (old && network_value(old, "bridge.mtu") && !network_value(object, "bridge.mtu"))
		strbuf_addf(out, "link set dev %s mtu 1500\n", name);
	change_address(object, old, AF_INET, out);
	change_address(object, old, AF_INET6, out);
	strbuf_addf(out, "link set dev %s up\n", name);
	if (network_value(object, "ipv4.address") || (old && network_value(old, "ipv4.address")))
		change_list(object, old, "ipv4.routes", "ipv4.address", add_route, &l);
	if (network_value(object, "ipv6.address")) /* without one, IPv6 is off and has no routes */
		change_list(object, old, "ipv6.routes", "ipv6.address", add_route, &l);
	change_list(object, old, "bridge.external_interfaces", NULL, add_port, &l);
}
