/* SPDX-License-Identifier: MIT */
/* What dnsmasq has leased on a bridge: read from its lease file (dnsmasq(8), --dhcp-leasefile). */
#ifndef BERTH_HOST_LEASES_H
#define BERTH_HOST_LEASES_H

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "berthd.h"
#include "model/address_maps.h"

struct lease {
	char address[INET6_ADDRSTRLEN];
	char hwaddr[18];    /* "" for IPv6: dnsmasq keeps a DUID instead */
	char hostname[256]; /* "" when it told none; cleaned */
	int64_t expires;    /* seconds since 1970; 0: never */
};

/* Each lease of the bridge; none when nobody serves there. Lines that are no lease are skipped. */
void leases_read(const struct berthd *b, const char *bridge, void (*cb)(const struct lease *lease, void *data),
		 void *data);
/* The same of the text of a lease file. */
void leases_parse(const char *text, size_t len, void (*cb)(const struct lease *lease, void *data), void *data);

/* The address of an interface; false when it has none of a known family. */
bool address_of_interface(const struct ifaddrs *ifa, struct address *ret);
unsigned address_prefix_of_interface(const struct ifaddrs *ifa); /* 0: it has none */
/* Does a lie in the network that this address of an interface is of? */
bool address_in_network(const struct ifaddrs *ifa, const struct address *a);

#endif
