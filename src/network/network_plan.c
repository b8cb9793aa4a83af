/* SPDX-License-Identifier: MIT */
#include "network/network_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/key_types.h"

const char *network_value(const cJSON *object, const char *key)
{
	const char *v = json_str(json_obj(object, "config"), key);

	return v && *v && strcmp(v, "none") != 0 ? v : NULL;
}

bool network_is_bridge(const cJSON *object)
{
	return strcmp(json_str_or(object, "type", ""), "bridge") == 0;
}

bool network_flag(const cJSON *object, const char *key, bool def)
{
	const char *v = network_value(object, key);

	return v ? type_is_true(v) : def;
}

void network_side(const cJSON *object, int family, struct network_side *ret)
{
	const char *v = network_value(object, family == AF_INET ? "ipv4.address" : "ipv6.address");
	const char *slash = v ? strchr(v, '/') : NULL;
	char text[INET6_ADDRSTRLEN];
	struct address net;

	*ret = (struct network_side){ .prefix = 0 };
	if (!slash || address_parse_cidr(v, &ret->address) < 0 || ret->address.family != family) {
		ret->address.family = 0;
		return;
	}
	ret->prefix = (unsigned)strtoul(slash + 1, NULL, 10);
	address_text(&ret->address, ret->gateway);
	net = ret->address;
	address_set_host_bits(&net, ret->prefix, false);
	address_text(&net, text);
	snprintf(ret->subnet, sizeof(ret->subnet), "%s/%u", text, ret->prefix);
}

const char *network_same_subnet(const cJSON *a, const cJSON *b, char out[INET6_ADDRSTRLEN + 4])
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < 2; i++) {
		struct network_side x, y;

		network_side(a, families[i], &x);
		network_side(b, families[i], &y);
		if (x.subnet[0] && strcmp(x.subnet, y.subnet) == 0) {
			memcpy(out, x.subnet, sizeof(x.subnet));
			return out;
		}
	}
	return NULL;
}

/* A letter, digits and '_': anything else, '_' too, as "_2d". */
void network_table(const char *name, char out[NETWORK_TABLE_SIZE])
{
	size_t n = (size_t)snprintf(out, NETWORK_TABLE_SIZE, "berth_net_");

	for (; *name && n + 4 < NETWORK_TABLE_SIZE; name++)
		n += (size_t)snprintf(out + n, NETWORK_TABLE_SIZE - n, isalnum((unsigned char)*name) ? "%c" : "_%02x",
				      (unsigned char)*name);
}

void network_interface(const cJSON *object, char out[16])
{
	const char *parent = network_value(object, "parent"), *vlan = network_value(object, "vlan");

	if (network_is_bridge(object))
		snprintf(out, 16, "%s", json_str_or(object, "name", ""));
	else
		snprintf(out, 16, "%s%s%s", parent ? parent : "", vlan ? "." : "", vlan ? vlan : "");
}

/* ---- nftables */

bool network_has_table(const cJSON *object)
{
	return network_is_bridge(object) && (network_value(object, "ipv4.address") || network_value(object, "ipv6.address"));
}

struct words { /* of a family */
	int family;
	const char *match, *proto, *nat, *order, *address, *firewall, *routing;
};
static const struct words families[] = {
	{ AF_INET, "ip", "ipv4", "ipv4.nat", "ipv4.nat.order", "ipv4.nat.address", "ipv4.firewall", "ipv4.routing" },
	{ AF_INET6, "ip6", "ipv6", "ipv6.nat", "ipv6.nat.order", "ipv6.nat.address", "ipv6.firewall", "ipv6.routing" },
};
enum { FAMILIES = 2 };

static void add_nat(const cJSON *object, const struct words *w, struct strbuf *out)
{
	const char *order = network_value(object, w->order), *address = network_value(object, w->address);
	struct network_side side;

	network_side(object, w->family, &side);
	if (!side.address.family || !network_flag(object, w->nat, false))
		return;
	/* before or after what others have in the same place */
	strbuf_addf(out, "\tchain nat_%s {\n\t\ttype nat hook postrouting priority srcnat %s 1; policy accept;\n", w->proto,
		    order && strcmp(order, "after") == 0 ? "+" : "-");
	strbuf_addf(out, "\t\t%s saddr %s %s daddr != %s ", w->match, side.subnet, w->match, side.subnet);
	if (address)
		strbuf_addf(out, "snat %s to %s\n\t}\n", w->match, address);
	else
		strbuf_addstr(out, "masquerade\n\t}\n");
}

static void add_forward(const cJSON *object, const char *name, const struct words *w, struct strbuf *out)
{
	struct network_side side;
	const char *verdict;

	network_side(object, w->family, &side);
	if (!network_flag(object, w->routing, true))
		verdict = "reject";
	else if (side.address.family && network_flag(object, w->firewall, true))
		verdict = "accept";
	else
		return;
	strbuf_addf(out, "\t\tiifname \"%s\" meta nfproto %s %s\n", name, w->proto, verdict);
	strbuf_addf(out, "\t\toifname \"%s\" meta nfproto %s %s\n", name, w->proto, verdict);
}

static void add_input(const cJSON *object, const char *name, const struct words *w, struct strbuf *out)
{
	struct network_side side;

	network_side(object, w->family, &side);
	if (!side.address.family || !network_flag(object, w->firewall, true))
		return;
	strbuf_addf(out, "\t\tiifname \"%s\" meta nfproto %s meta l4proto { tcp, udp } th dport 53 accept\n", name, w->proto);
	strbuf_addf(out, "\t\tiifname \"%s\" meta nfproto %s udp dport %s accept\n", name, w->proto,
		    w->family == AF_INET ? "67" : "547");
	strbuf_addf(out, "\t\tiifname \"%s\" meta l4proto %s accept\n", name, w->family == AF_INET ? "icmp" : "ipv6-icmp");
}

void network_nft(const char *name, const cJSON *object, struct strbuf *out)
{
	char table[NETWORK_TABLE_SIZE];

	network_table(name, table);
	strbuf_addf(out, "table inet %s { }\ndelete table inet %s\n", table, table);
	if (!object || !network_has_table(object))
		return;
	strbuf_addf(out, "table inet %s {\n", table);
	for (size_t i = 0; i < FAMILIES; i++)
		add_nat(object, &families[i], out);
	strbuf_addstr(out, "\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n");
	for (size_t i = 0; i < FAMILIES; i++)
		add_forward(object, name, &families[i], out);
	strbuf_addstr(out, "\t\tct status dnat accept\n\t}\n\tchain input {\n"
			   "\t\ttype filter hook input priority filter; policy accept;\n");
	for (size_t i = 0; i < FAMILIES; i++)
		add_input(object, name, &families[i], out);
	strbuf_addstr(out, "\t}\n}\n");
}
