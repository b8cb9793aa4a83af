/* SPDX-License-Identifier: MIT */
/* One nic device with everything that is derived or looked up, for rendering and for live changes. */
#ifndef BERTH_MODEL_NIC_H
#define BERTH_MODEL_NIC_H

#include <net/if.h>
#include <netinet/in.h>

#include "base/strbuf.h"
#include "model/key.h"

enum nic_kind { NIC_BRIDGED, NIC_P2P, NIC_MACVLAN, NIC_PHYSICAL, NIC_ROUTED, NIC_KINDS };

struct nic_address {
	char text[INET6_ADDRSTRLEN + 4];   /* "10.0.0.5/24", "" when there is none */
	char gateway[INET6_ADDRSTRLEN];    /* "" when there is none, "auto" */
};
struct nic {
	enum nic_kind kind;
	const char *parent;   /* NULL for p2p, may be NULL for routed */
	const char *hwaddr;   /* NULL: random */
	const char *mtu;      /* NULL: the parent's */
	char guest[IFNAMSIZ]; /* name inside */
	char host[IFNAMSIZ];  /* name of the veth's end on the host; always set */
	struct nic_address ip4, ip6;
	uint64_t ingress, egress; /* bits per second, 0: no limit */
	bool isolated; /* from other ports of the bridge that are so too */
	bool filter_mac, filter_ip4, filter_ip6; /* only what has its own address leaves it */
	/* routed only: its addresses, a list with commas, "" when there are none (ip4.text is "" then); the host's end's own
	 * address; a routing table more, or NULL */
	const char *routed4, *routed6, *host4, *host6, *table4, *table6;
	const char *routes4, *routes6; /* networks behind it, a list with commas, "" when there are none */
};

enum nic_kind nic_kind(const cJSON *props); /* NIC_KINDS when unknown */
bool nic_is_veth(enum nic_kind kind);
const char *nic_parent(const cJSON *props);
struct argv;
/* Has its end on the host limits, filters or routes? Then these are the options of hooks/berth-nic-up. */
bool nic_is_watched(const struct nic *nic);
void nic_watch_arguments(const struct nic *nic, struct argv *ret);
/* The same when it goes: all of it is taken back. */
void nic_gone_arguments(const struct nic *nic, struct argv *ret);
bool nic_is_bridged(const cJSON *device); /* of any type: is it a nic, and on a bridge? */

struct nic_source {
	const cJSON *config;  /* expanded: volatile.* */
	const cJSON *devices; /* expanded: names of the others */
	const char *instance_dir;
};
void nic_resolve(const struct nic_source *src, const char *device, const cJSON *props, struct nic *ret);

#endif
