/* SPDX-License-Identifier: MIT */
#include "host/leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "host/network.h"
#include "model/key_types.h"
#include "model/settings.h"
#include "proc/proc.h"

#define LEASES_MAX (4u << 20)

enum { EXPIRES, HWADDR, ADDRESS, HOSTNAME, WORDS };

static bool parse_line(char *line, struct lease *ret)
{
	char *word[WORDS], *save = NULL, *end;
	struct address a;

	for (size_t i = 0; i < WORDS; i++) {
		word[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
		if (!word[i])
			return false;
	}
	errno = 0;
	*ret = (struct lease){ .expires = strtoll(word[EXPIRES], &end, 10) };
	if (errno || *end || ret->expires < 0 || address_parse(word[ADDRESS], &a) < 0)
		return false;
	address_text(&a, ret->address);
	if (a.family == AF_INET && strlen(word[HWADDR]) == 17 && type_is_mac(word[HWADDR]))
		memcpy(ret->hwaddr, word[HWADDR], 18);
	if (strcmp(word[HOSTNAME], "*") != 0)
		proc_clean_text(word[HOSTNAME], strlen(word[HOSTNAME]), ret->hostname, sizeof(ret->hostname));
	return true;
}

void leases_parse(const char *text, size_t len, void (*cb)(const struct lease *lease, void *data), void *data)
{
	AUTO_FREE char *copy = mem_strndup(text, len);
	char *save = NULL, *line;
	struct lease lease;

	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (parse_line(line, &lease))
			cb(&lease, data);
}

/* Where our networks, host-init, or LXC's lxc-net, put them. */
static char *lease_file(const struct berthd *b, const char *bridge)
{
	AUTO_FREE char *own = mem_printf("%s/networks/%s.leases", b->settings->state_path, bridge);
	struct host_network net;

	if (fs_exists(own))
		return mem_strdup(own);
	if (host_network(b, &net) && strcmp(net.bridge, bridge) == 0)
		return fs_join(net.files, "dnsmasq.leases");
	return mem_printf("/var/lib/misc/dnsmasq.%s.leases", bridge);
}

void leases_read(const struct berthd *b, const char *bridge, void (*cb)(const struct lease *lease, void *data),
		 void *data)
{
	AUTO_FREE char *path = lease_file(b, bridge);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (fs_read_file(path, LEASES_MAX, &text, &err) == 0)
		leases_parse(text.buf, text.len, cb, data);
}

bool address_of_interface(const struct ifaddrs *ifa, struct address *ret)
{
	*ret = (struct address){ .family = ifa->ifa_addr ? ifa->ifa_addr->sa_family : 0 };
	if (ret->family == AF_INET)
		memcpy(ret->bytes, &((const struct sockaddr_in *)(const void *)ifa->ifa_addr)->sin_addr, 4);
	else if (ret->family == AF_INET6)
		memcpy(ret->bytes, &((const struct sockaddr_in6 *)(const void *)ifa->ifa_addr)->sin6_addr, 16);
	return ret->family == AF_INET || ret->family == AF_INET6;
}

unsigned address_prefix_of_interface(const struct ifaddrs *ifa)
{
	struct ifaddrs mask = { .ifa_addr = ifa->ifa_netmask };
	struct address a;
	unsigned bits = 0;

	if (!ifa->ifa_netmask || !address_of_interface(&mask, &a))
		return 0;
	for (size_t i = 0; i < sizeof(a.bytes); i++)
		bits += (unsigned)__builtin_popcount(a.bytes[i]);
	return bits;
}

bool address_in_network(const struct ifaddrs *ifa, const struct address *a)
{
	unsigned prefix = address_prefix_of_interface(ifa);
	struct address own;

	return prefix > 0 && address_of_interface(ifa, &own) && address_same_net(&own, a, prefix);
}
