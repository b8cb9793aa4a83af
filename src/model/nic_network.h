/* SPDX-License-Identifier: MIT */
/*
 * What the "network" of a nic stands for, when it is a network that berth keeps (network/network.h tells it here). A name
 * that is not known is a bridge of that name.
 */
#ifndef BERTH_MODEL_NIC_NETWORK_H
#define BERTH_MODEL_NIC_NETWORK_H

struct nic_network {
	const char *nictype; /* "bridge", "macvlan", "physical" */
	const char *parent;  /* the interface */
	const char *mtu;     /* or NULL */
};

void nic_network_set(const char *name, const struct nic_network *network); /* copied; NULL: it is gone */
const struct nic_network *nic_network_get(const char *name); /* or NULL; until the next set */

#endif
