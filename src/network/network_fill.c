/* SPDX-License-Identifier: MIT */
/* What a new network has that nobody asked for: "auto". */
#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "host/leases.h"
#include "network/network_keys.h"
#include "network/network_plan.h"

enum { TRIES = 500, ROUTES_MAX = 1 << 20 };

/* Does a route, but the default one, lead there? */
static bool routed(const struct address *a)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char *save = NULL;
	uint32_t ip, to, mask;

	if (a->family != AF_INET || fs_read_file("/proc/net/route", ROUTES_MAX, &text, &ignored) < 0)
		return false;
	memcpy(&ip, a->bytes, sizeof(ip));
	for (char *line = strtok_r(text.buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*s %" SCNx32 " %*x %*s %*s %*s %*s %" SCNx32, &to, &mask) == 2 && mask != 0 &&
		    (ip & mask) == (to & mask))
			return true;
	return false;
}

static bool on_interface(const struct address *a, unsigned prefix)
{
	struct ifaddrs *all = NULL;
	struct address own;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next)
		found = address_of_interface(i, &own) && own.family == a->family &&
			(address_same_net(&own, a, prefix) || address_in_network(i, a));
	freeifaddrs(all);
	return found;
}

static bool in_network(const cJSON *taken, const struct address *a, unsigned prefix)
{
	const cJSON *other;

	cJSON_ArrayForEach(other, taken) {
		struct network_side side;

		network_side(other, a->family, &side);
		if (side.address.family && (address_same_net(&side.address, a, prefix) ||
					    address_same_net(&side.address, a, side.prefix)))
			return true;
	}
	return false;
}

static void random_address(int family, struct address *ret)
{
	unsigned char r[6] = { 0 };

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		r[0] = 1;
	*ret = (struct address){ .family = family };
	if (family == AF_INET) {
		memcpy(ret->bytes, (unsigned char[]){ 10, r[0], r[1], 1 }, 4);
		return;
	}
	memcpy(ret->bytes, (unsigned char[]){ 0xfd, 0x42 }, 2);
	memcpy(ret->bytes + 2, r, sizeof(r));
	ret->bytes[15] = 1;
}

static int fill(cJSON *config, int family, const cJSON *taken, struct error *err)
{
	const char *key = family == AF_INET ? "ipv4.address" : "ipv6.address";
	unsigned prefix = family == AF_INET ? 24 : 64;
	char text[INET6_ADDRSTRLEN];
	struct address a;

	if (strcmp(json_str_or(config, key, ""), "auto") != 0)
		return 0;
	for (int i = 0; i < TRIES; i++) {
		random_address(family, &a);
		if (in_network(taken, &a, prefix) || on_interface(&a, prefix) || routed(&a))
			continue;
		address_text(&a, text);
		json_set_strf(config, key, "%s/%u", text, prefix);
		return 0;
	}
	return error_set(err, ERROR_TOOL, "Failed generating auto config: no free subnet for \"%s\"", key);
}

static void default_side(cJSON *config, const char *address, const char *nat, bool there)
{
	if (!*json_str_or(config, address, "") && there)
		json_set_str(config, address, "auto");
	if (strcmp(json_str_or(config, address, ""), "auto") == 0 && !*json_str_or(config, nat, ""))
		json_set_str(config, nat, "true");
}

static bool has_ipv6(void)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", 16, &text, &ignored) == 0 && *text.buf == '0';
}

int network_fill_config(const char *type, cJSON *config, const cJSON *taken, bool fresh, struct error *err)
{
	if (strcmp(type, "bridge") != 0)
		return 0;
	if (fresh) {
		default_side(config, "ipv4.address", "ipv4.nat", true);
		default_side(config, "ipv6.address", "ipv6.nat", has_ipv6());
	}
	return fill(config, AF_INET, taken, err) < 0 ? -1 : fill(config, AF_INET6, taken, err);
}
