/* SPDX-License-Identifier: MIT */
/*
 * The network of another process as LXD shows it, over a netlink socket made in
 * its namespace: this thread is there for that one call only. What the
 * container made of its network is hostile: names are cleaned, and the first
 * NETNS_LINKS_MAX interfaces and NETNS_ADDRESSES_MAX addresses are all that
 * is shown.
 */
#ifndef BERTH_LXC_NETNS_H
#define BERTH_LXC_NETNS_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { NETNS_LINKS_MAX = 256, NETNS_ADDRESSES_MAX = 1024 };

/* {"eth0": {"addresses": […], "counters": {…}, …}, "lo": {…}}, sorted; NULL when the process is gone. */
cJSON *netns_state(pid_t pid);

/* A dump as it is read, for netns_parse(). */
struct netns_dump {
	cJSON *net;
	int32_t host_id; /* what the namespace calls ours, -1: nothing */
	size_t links, addresses;
	struct {
		uint32_t index;
		cJSON *addresses;
	} link[NETNS_LINKS_MAX];
};

/*
 * Adds what one datagram (aligned to 4) of an RTM_GETLINK or RTM_GETADDR dump
 * says. 1 at the end of the dump, 0 when more is to come, -1 for an error or nonsense.
 */
int netns_parse(struct netns_dump *dump, const void *data, size_t len);

/* "global", "link" or "local" by the text of the address: LXD, shared.GetIPScope. */
const char *netns_scope(const char *address);

#endif
