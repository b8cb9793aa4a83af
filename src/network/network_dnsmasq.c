/* SPDX-License-Identifier: MIT */
/* dnsmasq's command line for a network. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "network/network_keys.h"
#include "network/network_plan.h"

#define DOMAIN "lxd"   /* LXD's, as clients know it */
#define EXPIRY "1h"

struct ranges {
	struct argv *out;
	const char *more; /* behind the addresses */
};

/* "10.0.0.5-10.0.0.9" */
static bool add_range(const char *word, void *data)
{
	const struct ranges *r = data;
	size_t n = strcspn(word, "-");

	argv_pushf(r->out, "--dhcp-range=%.*s,%s,%s", (int)n, word, word[n] ? word + n + 1 : "", r->more);
	return true;
}

/* All but the first two addresses, which are the network's and often ours, and the last. */
static void add_subnet(const struct network_side *side, const char *more, struct argv *out)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	struct address a = side->address, b;
	unsigned size = a.family == AF_INET ? 32 : 128;

	address_set_host_bits(&a, side->prefix, false);
	b = a;
	a.bytes[size / 8 - 1] |= 2;
	address_set_host_bits(&b, side->prefix, true);
	if (b.family == AF_INET) /* … but the broadcast address */
		b.bytes[3] &= 0xfe;
	address_text(&a, from);
	address_text(&b, to);
	argv_pushf(out, "--dhcp-range=%s,%s,%s", from, to, more);
}

static void add_dhcp4(const cJSON *object, const struct network_side *side, struct argv *out)
{
	const char *ranges = network_value(object, "ipv4.dhcp.ranges"), *expiry = network_value(object, "ipv4.dhcp.expiry");
	const char *gateway = json_str(json_obj(object, "config"), "ipv4.dhcp.gateway");
	const char *mtu = network_value(object, "bridge.mtu"), *search = network_value(object, "dns.search");
	struct ranges r = { out, expiry ? expiry : EXPIRY };

	if (!network_flag(object, "ipv4.dhcp", true) || side->prefix > 30)
		return;
	if (ranges)
		(void)network_each_word(ranges, add_range, &r);
	else
		add_subnet(side, r.more, out);
	if (gateway && *gateway)
		argv_pushf(out, strcmp(gateway, "none") == 0 ? "--dhcp-option-force=3" : "--dhcp-option-force=3,%s", gateway);
	if (mtu)
		argv_pushf(out, "--dhcp-option-force=26,%s", mtu);
	if (search)
		argv_pushf(out, "--dhcp-option-force=119,%s", search);
}

static void add_dhcp6(const cJSON *object, const struct network_side *side, struct argv *out)
{
	const char *ranges = network_value(object, "ipv6.dhcp.ranges"), *expiry = network_value(object, "ipv6.dhcp.expiry");
	AUTO_FREE char *more = mem_printf("%u,%s", side->prefix, expiry ? expiry : EXPIRY);
	const char *name = json_str_or(object, "name", "");
	struct ranges r = { out, more };

	argv_push(out, "--enable-ra");
	if (!network_flag(object, "ipv6.dhcp", true)) {
		argv_pushf(out, "--dhcp-range=::,constructor:%s,ra-only", name);
	} else if (!network_flag(object, "ipv6.dhcp.stateful", false)) {
		argv_pushf(out, "--dhcp-range=::,constructor:%s,ra-stateless,ra-names", name);
	} else if (ranges) {
		(void)network_each_word(ranges, add_range, &r);
	} else {
		add_subnet(side, more, out);
	}
	if (network_value(object, "dns.search"))
		argv_pushf(out, "--dhcp-option-force=option6:domain-search,%s", network_value(object, "dns.search"));
}

static void add_names(const cJSON *object, const struct network_paths *paths, struct argv *out)
{
	const char *mode = json_str_or(json_obj(object, "config"), "dns.mode", "");
	const char *domain = network_value(object, "dns.domain");

	if (strcmp(mode, "none") == 0) {
		argv_push(out, "--dhcp-ignore-names");
		return;
	}
	if (!domain)
		domain = DOMAIN;
	argv_pushf(out, "--domain=%s", domain);
	argv_pushf(out, "--local=/%s/", domain);
	argv_pushf(out, "--interface-name=_gateway.%s,%s", domain, json_str_or(object, "name", ""));
	argv_pushf(out, "--addn-hosts=%s", paths->hosts);
	argv_push(out, "--expand-hosts");
	if (strcmp(mode, "dynamic") != 0) /* an instance must not take another's name */
		argv_push(out, "--dhcp-ignore-names=tag:!known");
}

void network_dnsmasq(const cJSON *object, const struct network_paths *paths, struct argv *out)
{
	struct network_side four, six;

	network_side(object, AF_INET, &four);
	network_side(object, AF_INET6, &six);
	if (!network_is_bridge(object) || (!four.address.family && !six.address.family))
		return;
	argv_pushl(out, "dnsmasq", "--keep-in-foreground", "--no-hosts", "--bind-interfaces", "--except-interface=lo",
		   "--no-ping", "--dhcp-authoritative", "--dhcp-no-override", "--quiet-dhcp", "--quiet-dhcp6", "--quiet-ra", NULL);
	argv_pushf(out, "--conf-file=%s", network_value(object, "raw.dnsmasq") ? paths->raw : "/dev/null");
	argv_pushf(out, "--interface=%s", json_str_or(object, "name", ""));
	argv_pushf(out, "--user=%s", paths->user);
	argv_pushf(out, "--pid-file=%s", paths->pid);
	argv_pushf(out, "--dhcp-leasefile=%s", paths->leases);
	argv_pushf(out, "--dhcp-hostsfile=%s", paths->reservations);
	add_names(object, paths, out);
	if (four.address.family)
		argv_pushf(out, "--listen-address=%s", four.gateway);
	if (six.address.family)
		argv_pushf(out, "--listen-address=%s", six.gateway);
	if (four.address.family)
		add_dhcp4(object, &four, out);
	if (six.address.family)
		add_dhcp6(object, &six, out);
}
