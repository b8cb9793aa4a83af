/* SPDX-License-Identifier: MIT */
/*
 * The networks that scripts/host-init made for this root: what berthd keeps alive (bridges, our nftables table,
 * dnsmasq). All of it is read from host_dir/host-init.state; a daemon without that file manages no network.
 */
#ifndef BERTH_HOST_NETWORK_H
#define BERTH_HOST_NETWORK_H

#include <cjson/cJSON.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"

/* The NAT bridge. The subnet is the gateway's network: host bits are whatever lies behind bits. */
struct host_network {
	char bridge[IFNAMSIZ];
	char gateway4[INET_ADDRSTRLEN]; /* the host's address on it; dotted */
	unsigned bits4;                 /* 16 to 29 */
	char gateway6[INET6_ADDRSTRLEN]; /* "" without IPv6 */
	unsigned bits6;                 /* 64 */
	char table[80];                 /* nftables, family inet: masquerade; replaced whole by host-init, put nothing in it */
	char domain[64];                /* of DNS names: "lxc" */
	char files[1024];               /* folder of dnsmasq.hosts and dnsmasq.dhcp-hosts */
	bool dnsmasq;                   /* ours */
	char made[4][IFNAMSIZ];         /* bridges that host-init made, "" after the last */
};
bool host_network_made(const struct host_network *net, const char *bridge);

/* False: host-init made none for this root. Reads the file each time: cheap, and true after an --undo. */
bool host_network(const struct berthd *b, struct host_network *ret);
/* The same of the text of a host-init.state. */
bool host_network_parse(const char *state, struct host_network *ret);

/*
 * A part of the host that is brought up by `berth host load` (also at berthd's start) after the bridges, in the order
 * of registration. load must call host_part_done() exactly once, at once or later: err ERROR_NONE, or why it could
 * not, which becomes a warning; facts_taken, or NULL, becomes the member NAME of the load's metadata. It may come
 * again and again, also without an unload between. unload is synchronous and idempotent; it may be NULL.
 */
struct host_part;
struct host_part_type {
	const char *name; /* "forwards" */
	void (*load)(struct berthd *b, struct host_part *part);
	void (*unload)(struct berthd *b);
};
void host_part_add(struct berthd *b, const struct host_part_type *type); /* from X_register(), after host_open() */
void host_part_done(struct host_part *part, cJSON *facts_taken, const struct error *err);

#endif
