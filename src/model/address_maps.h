/* SPDX-License-Identifier: MIT */
/*
 * The setting ipaddr_maps: ranges that new instances get their addresses from.
 * A range is six words, "NAME TYPE FROM COUNT GATEWAY MASK"; several are
 * separated by commas:
 *
 *   lan nat 10.7.0.10 90 10.7.0.1 255.255.255.0, six pub 2001:db8::100 50 2001:db8::1 64
 *
 * TYPE is pub or nat (which bridge), GATEWAY an address or none, MASK a prefix
 * length or, for IPv4, dotted. Never handed out, though they may lie in a
 * range: the gateway, the address of the network, IPv4's broadcast address.
 */
#ifndef BERTH_MODEL_ADDRESS_MAPS_H
#define BERTH_MODEL_ADDRESS_MAPS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define ADDRESS_MAP_NAME_MAX 32
#define ADDRESS_MAP_COUNT_MAX (1u << 24)

/* An address of either family, in network order; the bytes that a family has not are 0. */
struct address {
	int family; /* AF_INET, AF_INET6; 0: none */
	unsigned char bytes[16];
};

int address_parse(const char *text, struct address *ret); /* -1: it is none */
/* The same, of either "10.0.0.1" or "10.0.0.1/24". */
int address_parse_cidr(const char *text, struct address *ret);
void address_text(const struct address *a, char out[INET6_ADDRSTRLEN]);
bool address_equal(const struct address *a, const struct address *b);
/* a + n; false when that leaves the family. */
bool address_add(const struct address *a, uint64_t n, struct address *ret);
bool address_same_net(const struct address *a, const struct address *b, unsigned prefix);
/* The bits behind the prefix: are they all so? Makes them so. */
bool address_host_bits_are(const struct address *a, unsigned prefix, bool ones);
void address_set_host_bits(struct address *a, unsigned prefix, bool ones);

struct address_map {
	char name[ADDRESS_MAP_NAME_MAX + 1];
	bool nat; /* for network_nat, else for network_pub */
	struct address from;
	uint32_t count;
	struct address gateway; /* family 0: none */
	unsigned prefix;
};
struct address_maps {
	struct address_map *maps;
	size_t n;
};

/* "" is no range. On error *ret needs no clearing. */
int address_maps_parse(const char *text, struct address_maps *ret, struct error *err);
void address_maps_clear(struct address_maps *m);

/* The i-th address of the range; false when it is not one to hand out. */
bool address_map_at(const struct address_map *m, uint32_t i, struct address *ret);

#endif
