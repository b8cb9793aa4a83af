/* SPDX-License-Identifier: MIT */
/*
 * What the "network" of a nic stands for, when it is a network that berth keeps (network/network.h tells it here). A name
 * that is not known is a bridge of that name.
 */
#ifndef BERTH_MODEL_NIC_NETWORK_H
#define BERTH_MODEL_NIC_NETWORK_H

#include <cjson/cJSON.h>

#include "base/error.h"

struct nic_network {
	const char *nictype; /* "bridge", "macvlan", "physical" */
	const char *parent;  /* the interface */
	const char *mtu;     /* or NULL */
	const char *ip4, *ip6; /* of a bridge, the host's address with its prefix ("10.1.2.1/24"), or NULL */
};

void nic_network_set(const char *name, const struct nic_network *network); /* copied; NULL: it is gone */
const struct nic_network *nic_network_get(const char *name); /* or NULL; until the next set */

/* Is there the network that a nic names, and do its addresses lie in it? The message is LXD's, without the device. */
int nic_network_check(const char *device, const cJSON *props, struct error *err);

#endif
