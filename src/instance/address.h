/* SPDX-License-Identifier: MIT */
/*
 * Static addresses of instances: the next free one of the setting ipaddr_maps
 * for a new instance, and no address twice on one bridge.
 *
 * Taken is what any instance has (of its own, from its profiles, in raw.lxc or
 * an adopted container's config), what operations under way are about to give
 * one, what dnsmasq has leased, and what the host's own interfaces have.
 */
#ifndef BERTH_INSTANCE_ADDRESS_H
#define BERTH_INSTANCE_ADDRESS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"

/*
 * For an instance in the making, in the loop turn in which its operation begins: each nic on network_pub or
 * network_nat that has no address of a family gets the next free one of that bridge's ranges, with their gateway,
 * as ipv4.address and ipv4.gateway (ipv6.…) in desired's own devices: a device of a profile is overridden there. What
 * was given is noted in volatile.DEVICE.ipv4.assigned. Without a range for it, a nic stays as it is (DHCP).
 *
 * Addresses that were asked for are checked as by address_check(), but for a copy's: its start does that. ERROR_CONFLICT
 * when every range is used up.
 */
int address_assign(struct berthd *b, cJSON *desired, const char *own_name, bool is_copy, struct error *err);

/* No static address of desired that `before` (NULL: nothing) has not may be another nic's on the same bridge. */
int address_check(struct berthd *b, const cJSON *desired, const cJSON *before, const char *own_name,
		  struct error *err);

/* Before a start: nor one that runs. What does not may have the same: copies have what they were copied from. */
int address_check_start(struct berthd *b, const cJSON *desired, const char *own_name, struct error *err);

/* For a copy: takes out of desired's devices what was assigned (not chosen) in the instance it was copied from, so
 * that address_assign() gives it others. */
void address_forget(cJSON *desired, const cJSON *source);

#endif
