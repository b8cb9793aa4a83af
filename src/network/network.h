/* SPDX-License-Identifier: MIT */
/*
 * LXD's networks as objects: bridges with addresses, NAT, DHCP and DNS, and the names for macvlan and physical parents.
 * Each is a text file, state_path/networks/NAME.json; the kernel (interface, nftables table) and one dnsmasq per bridge
 * are made to agree with it: by every change, at berthd's start, when the interface or the table went, when dnsmasq
 * ended. The networks of berth.conf (network_pub, network_nat) belong to host-init: host/network.h.
 *
 * An object is {"name", "type": "bridge", "macvlan" or "physical", "description", "config": {KEY: "TEXT"}}, which
 * network_keys.h has checked; no config value is "" or, for addresses, "auto".
 */
#ifndef BERTH_NETWORK_NETWORK_H
#define BERTH_NETWORK_NETWORK_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/* Reads the files into b->networks; what makes no sense is left alone, with a warning. After host_open(). */
int networks_open(struct berthd *b, struct error *err);
void networks_close(struct berthd *b); /* before host_close(); ends every dnsmasq, all else stays */
void network_register(struct op_queue *q);

const cJSON *network_get(const struct berthd *b, const char *name); /* borrowed, or NULL */
const char **network_names(const struct berthd *b); /* sorted, NULL-terminated; free the array */
bool network_works(const struct berthd *b, const char *name); /* false: the kernel is not what the file says, or dnsmasq does not run */

/*
 * Operations; the kernel is as asked for when they end well, and as before when not. request: LXD's NetworksPost. Errors:
 * LXD's words; ERROR_TOOL (500, as LXD has it) for a config that does not hold. in_use: who asks knows of users.
 */
struct op *network_create(struct berthd *b, const cJSON *request, struct error *err);
/* Replaces config and description; patch: merges. A value "" is none. ERROR_INVALID for a config that does not hold. */
struct op *network_update(struct berthd *b, const char *name, const cJSON *change, bool patch, struct error *err);
struct op *network_rename(struct berthd *b, const char *name, const char *new_name, struct error *err);
struct op *network_delete(struct berthd *b, const char *name, struct error *err);

/* Is the network named by a nic of an instance or a profile? */
bool network_used(const struct berthd *b, const char *name);
/* The device is a nic of this network, by "network" or by "parent". */
bool network_has_nic(const char *network, const cJSON *device);

#endif
