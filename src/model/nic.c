/* SPDX-License-Identifier: MIT */
#include "model/nic.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/argv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "base/text.h"
#include "base/units.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic_network.h"

static const char *const kind_names[NIC_KINDS] = { "bridged", "p2p", "macvlan", "physical", "routed" };

enum nic_kind nic_kind(const cJSON *props)
{
	const char *name = device_prop(props, "nictype");
	const struct nic_network *network = nic_network_get(device_prop(props, "network"));
	int kind = 0;

	if (!name && network && strcmp(network->nictype, "bridge") != 0)
		name = network->nictype;
	if (!name) /* network=X, which berth does not keep, means the bridge X */
		return device_prop(props, "network") ? NIC_BRIDGED : NIC_KINDS;
	while (kind < NIC_KINDS && strcmp(kind_names[kind], name) != 0)
		kind++;
	return kind;
}

bool nic_is_veth(enum nic_kind kind)
{
	return kind == NIC_BRIDGED || kind == NIC_P2P || kind == NIC_ROUTED;
}

const char *nic_parent(const cJSON *props)
{
	const char *parent = device_prop(props, "parent");

	const struct nic_network *network = nic_network_get(device_prop(props, "network"));

	return parent ? parent : network ? network->parent : device_prop(props, "network");
}

static bool is_nic(const cJSON *device)
{
	return strcmp(json_str_or(device, "type", ""), "nic") == 0;
}

bool nic_is_bridged(const cJSON *device)
{
	return is_nic(device) && nic_kind(device) == NIC_BRIDGED;
}

/* A volatile.DEVICE.KEY of the config that is a good interface name, or NULL. */
static const char *volatile_value(const cJSON *config, const char *device, const char *key)
{
	char name[128];

	snprintf(name, sizeof(name), "volatile.%s.%s", device, key);
	return device_prop(config, name);
}

/* The name it asks for: its property, what it had (or NULL), or its own when that is ethN. */
static const char *wanted_name(const char *device, const cJSON *props, const char *had)
{
	const char *name = device_prop(props, "name");

	if (!name)
		name = had;
	if (!name && strncmp(device, "eth", 3) == 0 && type_is_int(device + 3, 0, 99999))
		name = device;
	return name;
}

/* volatile.DEVICE.name of every device that has one: a search of the config for each would be one of thousands for thousands. */
static struct strmap *kept_names(const cJSON *config)
{
	static const char before[] = "volatile.", after[] = ".name";
	const size_t around = sizeof(before) - 1 + sizeof(after) - 1;
	struct strmap *kept = strmap_new(NULL);
	const cJSON *item;

	cJSON_ArrayForEach(item, config) {
		size_t len = strlen(item->string);
		AUTO_FREE char *device = NULL;

		if (len <= around || strncmp(item->string, before, sizeof(before) - 1) != 0 ||
		    strcmp(item->string + len - (sizeof(after) - 1), after) != 0 || !cJSON_IsString(item) || !*item->valuestring)
			continue;
		device = mem_printf("%.*s", (int)(len - around), item->string + sizeof(before) - 1);
		strmap_put(kept, device, item->valuestring);
	}
	return kept;
}

/* Nics without a name get the free ethN in the order of their device names. */
static void free_name(const struct nic_source *src, const char *device, char out[IFNAMSIZ])
{
	struct strmap *kept = kept_names(src->config), *taken = strmap_new(NULL);
	unsigned before = 0, i = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, src->devices) {
		const char *wanted = is_nic(item) ? wanted_name(item->string, item, strmap_get(kept, item->string)) : NULL;

		if (wanted)
			strmap_put(taken, wanted, item->string);
		else if (is_nic(item) && strcmp(item->string, device) < 0)
			before++;
	}
	do
		snprintf(out, IFNAMSIZ, "eth%u", i++ % 100000);
	while (strmap_get(taken, out) || before-- > 0);
	strmap_free(taken);
	strmap_free(kept);
}

static void guest_name(const struct nic_source *src, const char *device, const cJSON *props,
		       char out[IFNAMSIZ])
{
	const char *wanted = wanted_name(device, props, volatile_value(src->config, device, "name"));

	if (wanted)
		snprintf(out, IFNAMSIZ, "%s", wanted);
	else
		free_name(src, device, out);
}

/* Always the same for one nic of one instance folder: what was rendered can be found again. */
static void host_name(const struct nic_source *src, const char *device, const cJSON *props,
		      char out[IFNAMSIZ])
{
	const char *name = device_prop(props, "host_name");
	uint64_t hash;

	if (!name)
		name = volatile_value(src->config, device, "host_name");
	if (name) {
		snprintf(out, IFNAMSIZ, "%s", name);
		return;
	}
	hash = text_hash(text_hash(text_hash(TEXT_HASH_BEGIN, src->instance_dir), "/"), device);
	snprintf(out, IFNAMSIZ, "veth%08x", (unsigned)(hash ^ (hash >> 32)));
}

static const void *address_bytes(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET
		       ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
		       : (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
}

/* Is addr in the network of this interface address? Then its prefix length, else -1. */
static int network_prefix(const struct ifaddrs *ifa, int family, const unsigned char *addr)
{
	const unsigned char *own = address_bytes(ifa->ifa_addr), *mask = address_bytes(ifa->ifa_netmask);
	size_t len = family == AF_INET ? 4 : 16;
	int prefix = 0;

	for (size_t i = 0; i < len; i++) {
		if ((own[i] & mask[i]) != (addr[i] & mask[i]))
			return -1;
		prefix += __builtin_popcount(mask[i]);
	}
	return prefix;
}

/* The parent's network that addr lies in: prefix length and the parent's own address. -1: none (now). */
static int parent_network(const char *parent, int family, const char *addr, char own[INET6_ADDRSTRLEN])
{
	struct ifaddrs *all = NULL;
	unsigned char bytes[16];
	int prefix = -1;

	if (!parent || inet_pton(family, addr, bytes) != 1 || getifaddrs(&all) < 0)
		return -1;
	for (struct ifaddrs *ifa = all; ifa && prefix < 0; ifa = ifa->ifa_next) {
		if (!ifa->ifa_addr || !ifa->ifa_netmask || ifa->ifa_addr->sa_family != family ||
		    strcmp(ifa->ifa_name, parent) != 0)
			continue;
		prefix = network_prefix(ifa, family, bytes);
		if (prefix >= 0)
			inet_ntop(family, address_bytes(ifa->ifa_addr), own, INET6_ADDRSTRLEN);
	}
	freeifaddrs(all);
	return prefix;
}

/* A bare address takes its prefix length, and without a gateway property the gateway, from the bridge's
 * network. */
static void resolve_address(const cJSON *props, int family, const char *parent, struct nic_address *ret)
{
	const char *address = device_prop(props, family == AF_INET ? "ipv4.address" : "ipv6.address");
	const char *gateway = device_prop(props, family == AF_INET ? "ipv4.gateway" : "ipv6.gateway");
	char bare[INET6_ADDRSTRLEN] = "", own[INET6_ADDRSTRLEN] = "";
	int prefix;

	ret->text[0] = ret->gateway[0] = '\0';
	if (gateway && strcmp(gateway, "none") != 0)
		snprintf(ret->gateway, sizeof(ret->gateway), "%s", gateway);
	if (!address)
		return;
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(address, "/"), address);
	prefix = parent_network(parent, family, bare, own);
	if (strchr(address, '/'))
		prefix = atoi(strchr(address, '/') + 1);
	else if (prefix < 0)
		prefix = family == AF_INET ? 24 : 64;
	snprintf(ret->text, sizeof(ret->text), "%s/%d", bare, prefix);
	if (!gateway && strcmp(own, bare) != 0)
		snprintf(ret->gateway, sizeof(ret->gateway), "%s", own);
}

static const char *prop_or(const cJSON *props, const char *key, const char *otherwise)
{
	const char *value = device_prop(props, key);

	return value ? value : otherwise;
}

/* Nothing else is on its link: the way out is the address of the host's end, which the host answers for. */
static void resolve_routed(const cJSON *props, struct nic *ret)
{
	ret->routed4 = prop_or(props, "ipv4.address", "");
	ret->routed6 = prop_or(props, "ipv6.address", "");
	ret->host4 = prop_or(props, "ipv4.host_address", "169.254.0.1");
	ret->host6 = prop_or(props, "ipv6.host_address", "fe80::1");
	ret->table4 = device_prop(props, "ipv4.host_table");
	ret->table6 = device_prop(props, "ipv6.host_table");
	ret->ip4.text[0] = ret->ip6.text[0] = ret->ip4.gateway[0] = ret->ip6.gateway[0] = '\0';
	if (*ret->routed4 && strcmp(prop_or(props, "ipv4.gateway", "auto"), "none") != 0)
		snprintf(ret->ip4.gateway, sizeof(ret->ip4.gateway), "%s", ret->host4);
	if (*ret->routed6 && strcmp(prop_or(props, "ipv6.gateway", "auto"), "none") != 0)
		snprintf(ret->ip6.gateway, sizeof(ret->ip6.gateway), "%s", ret->host6);
}

static uint64_t rate(const cJSON *props, const char *key)
{
	struct error ignored = ERROR_INIT;
	const char *value = device_prop(props, key);
	uint64_t bits = 0;

	if (!value)
		value = device_prop(props, "limits.max");
	return value && units_parse_bitrate(value, &bits, &ignored) == 0 ? bits : 0;
}

void nic_resolve(const struct nic_source *src, const char *device, const cJSON *props, struct nic *ret)
{
	const struct nic_network *network = nic_network_get(device_prop(props, "network"));
	const char *hwaddr = device_prop(props, "hwaddr");

	ret->kind = nic_kind(props);
	ret->parent = ret->kind == NIC_P2P ? NULL : nic_parent(props);
	ret->hwaddr = hwaddr ? hwaddr : volatile_value(src->config, device, "hwaddr");
	ret->mtu = device_prop(props, "mtu");
	if (!ret->mtu && network)
		ret->mtu = network->mtu;
	guest_name(src, device, props, ret->guest);
	host_name(src, device, props, ret->host);
	if (ret->kind == NIC_ROUTED) {
		resolve_routed(props, ret);
	} else {
		resolve_address(props, AF_INET, ret->kind == NIC_BRIDGED ? ret->parent : NULL, &ret->ip4);
		resolve_address(props, AF_INET6, ret->kind == NIC_BRIDGED ? ret->parent : NULL, &ret->ip6);
	}
	ret->routes4 = prop_or(props, "ipv4.routes", "");
	ret->routes6 = prop_or(props, "ipv6.routes", "");
	ret->ingress = rate(props, "limits.ingress");
	ret->egress = rate(props, "limits.egress");
	ret->isolated = ret->kind == NIC_BRIDGED && type_is_true(device_prop(props, "security.port_isolation"));
	ret->filter_ip4 = type_is_true(device_prop(props, "security.ipv4_filtering")) && ret->ip4.text[0];
	ret->filter_ip6 = type_is_true(device_prop(props, "security.ipv6_filtering")) && ret->ip6.text[0];
	ret->filter_mac = ret->hwaddr && (type_is_true(device_prop(props, "security.mac_filtering")) ||
					  ret->filter_ip4 || ret->filter_ip6);
}

static bool has_ways(const struct nic *nic)
{
	return nic->kind == NIC_ROUTED || *nic->routes4 || *nic->routes6;
}

bool nic_is_watched(const struct nic *nic)
{
	return nic->ingress || nic->egress || nic->filter_mac || nic->isolated || has_ways(nic);
}

/* "--KEY4=10.0.0.5,10.0.0.6": without the spaces */
static void push_list(struct argv *ret, const char *option, const char *list)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	char address[INET6_ADDRSTRLEN];

	while ((list = type_next_address(list, address)))
		strbuf_addf(&text, "%s%s", text.len ? "," : "", address);
	if (text.len)
		argv_pushf(ret, "%s=%s", option, text.buf);
}

/* The ways to it and to what is behind it. */
static void push_ways(const struct nic *nic, struct argv *ret)
{
	push_list(ret, "--routes4", nic->routes4);
	push_list(ret, "--routes6", nic->routes6);
	if (nic->kind == NIC_BRIDGED && has_ways(nic))
		argv_pushf(ret, "--on=%s", nic->parent);
	if (nic->kind != NIC_ROUTED)
		return;
	push_list(ret, "--routed4", nic->routed4);
	push_list(ret, "--routed6", nic->routed6);
	if (nic->parent)
		argv_pushf(ret, "--parent=%s", nic->parent);
	if (*nic->routed4)
		argv_pushf(ret, "--host4=%s", nic->host4);
	if (*nic->routed6)
		argv_pushf(ret, "--host6=%s", nic->host6);
	if (nic->table4)
		argv_pushf(ret, "--table4=%s", nic->table4);
	if (nic->table6)
		argv_pushf(ret, "--table6=%s", nic->table6);
}

void nic_gone_arguments(const struct nic *nic, struct argv *ret)
{
	argv_push(ret, "--ingress=0");
	argv_push(ret, "--egress=0");
	if (!has_ways(nic))
		return;
	argv_push(ret, "--gone");
	push_ways(nic, ret);
}

void nic_watch_arguments(const struct nic *nic, struct argv *ret)
{
	argv_pushf(ret, "--ingress=%llu", (unsigned long long)nic->ingress);
	argv_pushf(ret, "--egress=%llu", (unsigned long long)nic->egress);
	if (nic->isolated)
		argv_push(ret, "--isolated");
	if (nic->filter_mac)
		argv_pushf(ret, "--mac=%s", nic->hwaddr);
	if (nic->filter_ip4)
		argv_pushf(ret, "--ip4=%.*s", (int)strcspn(nic->ip4.text, "/"), nic->ip4.text);
	if (nic->filter_ip6)
		argv_pushf(ret, "--ip6=%.*s", (int)strcspn(nic->ip6.text, "/"), nic->ip6.text);
	push_ways(nic, ret);
}
