/* SPDX-License-Identifier: MIT */
#include "host/forward_rule.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/key_types.h"

/* ---- ports */

static int parse_range(const char *what, char *text, struct port_range *ret, struct error *err)
{
	char *end = strchr(text, '-');
	long first, last;

	if (end)
		*end++ = '\0';
	if (!type_is_int(text, 1, 65535) || (end && !type_is_int(end, 1, 65535)))
		return error_set(err, ERROR_INVALID, "%s: '%.32s%s%.32s' is no port from 1 to 65535 and no range of them",
				 what, text, end ? "-" : "", end ? end : "");
	first = strtol(text, NULL, 10);
	last = end ? strtol(end, NULL, 10) : first;
	if (last < first)
		return error_set(err, ERROR_INVALID, "%s: the range %ld-%ld ends before it begins", what, first, last);
	*ret = (struct port_range){ (uint16_t)first, (uint16_t)last };
	return 0;
}

static bool ranges_meet(const struct port_range *a, const struct port_range *b)
{
	return a->first <= b->last && b->first <= a->last;
}

static int add_range(const char *what, struct port_list *l, const struct port_range *r, struct error *err)
{
	if (l->n == FORWARD_RANGES_MAX)
		return error_set(err, ERROR_INVALID, "%s: more than %d ports and ranges", what, FORWARD_RANGES_MAX);
	for (unsigned i = 0; i < l->n; i++) {
		if (ranges_meet(&l->range[i], r))
			return error_set(err, ERROR_INVALID, "%s: port %u is there twice", what,
					 l->range[i].first > r->first ? l->range[i].first : r->first);
	}
	l->range[l->n++] = *r;
	l->total += r->last - r->first + 1u;
	return 0;
}

int port_list_parse(const char *what, const char *text, struct port_list *ret, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char *rest = copy, *part;
	struct port_range r = { 0 };

	ret->n = ret->total = 0;
	while ((part = strsep(&rest, ",")) != NULL) {
		part += strspn(part, " ");
		for (size_t n = strlen(part); n > 0 && part[n - 1] == ' '; n--)
			part[n - 1] = '\0';
		if (parse_range(what, part, &r, err) < 0 || add_range(what, ret, &r, err) < 0)
			return -1;
	}
	return 0;
}

uint16_t port_list_at(const struct port_list *l, unsigned i)
{
	const struct port_range *r = l->range;

	for (; i > (unsigned)(r->last - r->first); r++)
		i -= r->last - r->first + 1u;
	return (uint16_t)(r->first + i);
}

bool port_list_overlap(const struct port_list *a, const struct port_list *b, uint16_t *ret_port)
{
	for (unsigned i = 0; i < a->n; i++) {
		for (unsigned k = 0; k < b->n; k++) {
			const struct port_range *x = &a->range[i], *y = &b->range[k];

			if (!ranges_meet(x, y))
				continue;
			*ret_port = x->first > y->first ? x->first : y->first;
			return true;
		}
	}
	return false;
}

/* ---- one rule */

static int check_members(const cJSON *entry, struct error *err)
{
	static const char *const known[] = { "id", "network", "listen_address", "protocol", "listen_port",
					     "target_instance", "target_address", "target_port", "description",
					     "addresses", "force" };
	const cJSON *item;

	if (!cJSON_IsObject(entry))
		return error_set(err, ERROR_INVALID, "a port forward must be an object");
	cJSON_ArrayForEach(item, entry) {
		size_t i = 0, n = sizeof(known) / sizeof(known[0]);

		while (i < n && strcmp(known[i], item->string) != 0)
			i++;
		if (i == n)
			return error_set(err, ERROR_INVALID, "a port forward has no member '%.64s'", item->string);
		if (strcmp(item->string, "force") == 0 && !cJSON_IsBool(item))
			return error_set(err, ERROR_INVALID, "'force' of a port forward must be true or false");
		if (!cJSON_IsString(item) && !cJSON_IsNull(item) && strcmp(item->string, "addresses") != 0 &&
		    strcmp(item->string, "force") != 0)
			return error_set(err, ERROR_INVALID, "'%s' of a port forward must be a string", item->string);
	}
	if (!type_is_text(json_str_or(entry, "description", "")))
		return error_set(err, ERROR_INVALID, "'description' of a port forward holds control characters");
	return 0;
}

/* Loopback, or none ("0.0.0.0", "::"), which no packet is sent to. */
static bool is_unusable(const struct address *a)
{
	static const unsigned char none[16], one[16] = { [15] = 1 };

	if (a->family == AF_INET)
		return a->bytes[0] == 127 || memcmp(a->bytes, none, 4) == 0;
	return memcmp(a->bytes, one, 16) == 0 || memcmp(a->bytes, none, 16) == 0;
}

static int parse_addresses(const cJSON *entry, struct forward_rule *r, struct error *err)
{
	const char *listen = json_str_or(entry, "listen_address", "");
	const char *target = json_str_or(entry, "target_address", "");

	r->instance = json_str_or(entry, "target_instance", "");
	if (!*r->instance == !*target)
		return error_set(err, ERROR_INVALID,
				 "a port forward needs one of target_instance and target_address%s",
				 *target ? ", not both" : "");
	if (!*r->instance)
		r->instance = NULL;
	if (*listen && (address_parse(listen, &r->listen) < 0 || is_unusable(&r->listen)))
		return error_set(err, ERROR_INVALID, "listen_address: '%.64s' is no address that can be forwarded (leave it out for all)",
				 listen);
	if (*target && (address_parse(target, &r->target) < 0 || is_unusable(&r->target)))
		return error_set(err, ERROR_INVALID, "target_address: '%.64s' is no address that can be forwarded to", target);
	if (*target && *listen && r->target.family != r->listen.family)
		return error_set(err, ERROR_INVALID, "'%.64s' and '%.64s' are not of one family: IPv4 cannot be forwarded to IPv6",
				 listen, target);
	return 0;
}

int forward_rule_parse(const cJSON *entry, struct forward_rule *ret, struct error *err)
{
	const char *protocol = json_str_or(entry, "protocol", "tcp");
	const char *target_port = json_str_or(entry, "target_port", "");

	*ret = (struct forward_rule){ .udp = strcmp(protocol, "udp") == 0, .force = json_bool(entry, "force", false) };
	if (check_members(entry, err) < 0)
		return -1;
	if (!ret->udp && strcmp(protocol, "tcp") != 0)
		return error_set(err, ERROR_INVALID, "protocol: '%.32s' is neither tcp nor udp", protocol);
	if (parse_addresses(entry, ret, err) < 0 ||
	    port_list_parse("listen_port", json_str_or(entry, "listen_port", ""), &ret->listen_ports, err) < 0)
		return -1;
	if (!*target_port)
		return 0;
	if (port_list_parse("target_port", target_port, &ret->target_ports, err) < 0)
		return -1;
	if (ret->target_ports.total != 1 && ret->target_ports.total != ret->listen_ports.total)
		return error_set(err, ERROR_INVALID,
				 "target_port '%.64s' has %u ports, listen_port '%.64s' has %u: give one, or as many",
				 target_port, ret->target_ports.total, json_str_or(entry, "listen_port", ""),
				 ret->listen_ports.total);
	return 0;
}

/* The family of what a rule forwards; 0: both, as far as the instance has addresses. */
static int family_of(const struct forward_rule *r)
{
	return r->listen.family ? r->listen.family : r->instance ? 0 : r->target.family;
}

bool forward_rule_conflict(const struct forward_rule *a, const struct forward_rule *b, uint16_t *ret_port)
{
	if (a->udp != b->udp || (a->listen.family && b->listen.family && !address_equal(&a->listen, &b->listen)))
		return false;
	if (family_of(a) && family_of(b) && family_of(a) != family_of(b))
		return false;
	return port_list_overlap(&a->listen_ports, &b->listen_ports, ret_port);
}

/* ---- nftables */

/* As nft knows them. */
static const struct {
	const char *kind, *name, *type;
} maps[FORWARD_MAPS] = {
	[FORWARD_TCP4] = { "map", "tcp4", "inet_service : ipv4_addr . inet_service" },
	[FORWARD_UDP4] = { "map", "udp4", "inet_service : ipv4_addr . inet_service" },
	[FORWARD_TCP6] = { "map", "tcp6", "inet_service : ipv6_addr . inet_service" },
	[FORWARD_UDP6] = { "map", "udp6", "inet_service : ipv6_addr . inet_service" },
	[FORWARD_TCP4_AT] = { "map", "tcp4_at", "ipv4_addr . inet_service : ipv4_addr . inet_service" },
	[FORWARD_UDP4_AT] = { "map", "udp4_at", "ipv4_addr . inet_service : ipv4_addr . inet_service" },
	[FORWARD_TCP6_AT] = { "map", "tcp6_at", "ipv6_addr . inet_service : ipv6_addr . inet_service" },
	[FORWARD_UDP6_AT] = { "map", "udp6_at", "ipv6_addr . inet_service : ipv6_addr . inet_service" },
	[FORWARD_ALL4_AT] = { "map", "all4_at", "ipv4_addr : ipv4_addr" },
	[FORWARD_ALL6_AT] = { "map", "all6_at", "ipv6_addr : ipv6_addr" },
	[FORWARD_TARGET4] = { "set", "target4", "ipv4_addr" },
	[FORWARD_TARGET6] = { "set", "target6", "ipv6_addr" },
	[FORWARD_SELF4] = { "set", "self4", "ipv4_addr . ipv4_addr" },
	[FORWARD_SELF6] = { "set", "self6", "ipv6_addr . ipv6_addr" },
	[FORWARD_HAIRPIN] = { "set", "hairpin", "ifname . ifname" },
};

void forward_rules_init(struct forward_rules *r)
{
	for (size_t i = 0; i < FORWARD_MAPS; i++)
		strbuf_init(&r->map[i]);
	r->elements = 0;
}

void forward_rules_clear(struct forward_rules *r)
{
	for (size_t i = 0; i < FORWARD_MAPS; i++)
		strbuf_clear(&r->map[i]);
}

static void add_target(struct forward_rules *r, const struct address *target, const char *text)
{
	bool six = target->family == AF_INET6;

	/* nft takes an element of a set twice without complaint */
	strbuf_addf(&r->map[FORWARD_TARGET4 + six], "%s,\n", text);
	strbuf_addf(&r->map[FORWARD_SELF4 + six], "%s . %s,\n", text, text);
}

void forward_rules_add(struct forward_rules *r, const struct forward_rule *rule, const struct address *target)
{
	bool six = target->family == AF_INET6;
	struct strbuf *out = &r->map[(rule->listen.family ? FORWARD_TCP4_AT : FORWARD_TCP4) + 2 * six + rule->udp];
	char to[INET6_ADDRSTRLEN], listen[INET6_ADDRSTRLEN + 3] = "";

	if (rule->listen.family && rule->listen.family != target->family)
		return;
	address_text(target, to);
	if (rule->listen.family) {
		address_text(&rule->listen, listen);
		memcpy(listen + strlen(listen), " . ", 4);
	}
	for (unsigned i = 0; i < rule->listen_ports.total; i++) {
		uint16_t port = port_list_at(&rule->listen_ports, i), to_port = port;

		if (rule->target_ports.n > 0)
			to_port = port_list_at(&rule->target_ports, rule->target_ports.total > 1 ? i : 0);
		strbuf_addf(out, "%s%u : %s . %u,\n", listen, port, to, to_port);
		r->elements++;
	}
	add_target(r, target, to);
}

void forward_rules_add_all(struct forward_rules *r, const struct address *listen, const struct address *target)
{
	char to[INET6_ADDRSTRLEN], from[INET6_ADDRSTRLEN];

	address_text(listen, from);
	address_text(target, to);
	strbuf_addf(&r->map[FORWARD_ALL4_AT + (listen->family == AF_INET6)], "%s : %s,\n", from, to);
	add_target(r, target, to);
	r->elements++;
}

void forward_rules_add_bridge(struct forward_rules *r, const char *bridge)
{
	strbuf_addf(&r->map[FORWARD_HAIRPIN], "\"%s\" . \"%s\",\n", bridge, bridge);
}

/*
 * The address that was asked for decides first, then the ports of every address. What leaves through the interface
 * that it came from, and what the host itself sends, gets our address as its source: the target would answer the
 * other one past us. The host's own connections to its loopback addresses are nobody's forwards (their source could
 * not leave the host). With br_netfilter nobody tells where a packet came in, but then the bridge undoes what was done
 * to a neighbour's; an instance's own are known by their addresses.
 */
static const char chains[] =
	"\tchain forward_it {\n"
	"\t\tdnat ip to ip daddr . tcp dport map @tcp4_at\n"
	"\t\tdnat ip to ip daddr . udp dport map @udp4_at\n"
	"\t\tdnat ip6 to ip6 daddr . tcp dport map @tcp6_at\n"
	"\t\tdnat ip6 to ip6 daddr . udp dport map @udp6_at\n"
	"\t\tdnat ip to ip daddr map @all4_at\n"
	"\t\tdnat ip6 to ip6 daddr map @all6_at\n"
	"\t\tfib daddr type != local return\n"
	"\t\tmeta nfproto ipv4 dnat ip to tcp dport map @tcp4\n"
	"\t\tmeta nfproto ipv4 dnat ip to udp dport map @udp4\n"
	"\t\tmeta nfproto ipv6 dnat ip6 to tcp dport map @tcp6\n"
	"\t\tmeta nfproto ipv6 dnat ip6 to udp dport map @udp6\n"
	"\t}\n"
	"\tchain prerouting {\n"
	"\t\ttype nat hook prerouting priority dstnat - 5; policy accept;\n"
	"\t\tjump forward_it\n"
	"\t}\n"
	"\tchain output {\n"
	"\t\ttype nat hook output priority -105; policy accept;\n"
	"\t\tip daddr 127.0.0.0/8 return\n"
	"\t\tip6 daddr ::1 return\n"
	"\t\tjump forward_it\n"
	"\t}\n"
	"\tchain come_back {\n"
	"\t\tip saddr . ip daddr @self4 masquerade\n"
	"\t\tip6 saddr . ip6 daddr @self6 masquerade\n"
	"\t\tiifname . oifname @hairpin masquerade\n"
	"\t\tfib saddr type local masquerade\n"
	"\t}\n"
	"\tchain postrouting {\n"
	"\t\ttype nat hook postrouting priority srcnat - 5; policy accept;\n"
	"\t\tct status dnat ip daddr @target4 jump come_back\n"
	"\t\tct status dnat ip6 daddr @target6 jump come_back\n"
	"\t}\n";

void forward_rules_text(const struct forward_rules *r, const char *table, struct strbuf *out)
{
	/* made first, or there would be nothing to delete the first time */
	strbuf_addf(out, "table inet %s\ndelete table inet %s\n", table, table);
	if (r->elements == 0)
		return;
	strbuf_addf(out, "table inet %s {\n", table);
	for (size_t i = 0; i < FORWARD_MAPS; i++) {
		strbuf_addf(out, "\t%s %s {\n\t\ttype %s\n", maps[i].kind, maps[i].name, maps[i].type);
		if (r->map[i].len > 0)
			strbuf_addf(out, "\t\telements = {\n%s}\n", r->map[i].buf);
		strbuf_addstr(out, "\t}\n");
	}
	strbuf_addf(out, "%s}\n", chains);
}
