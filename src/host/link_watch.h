/* SPDX-License-Identifier: MIT */
/*
 * Hears when a network interface is deleted (netlink, RTNLGRP_LINK). cb fires from the loop for each one, at once, with
 * its name; with NULL when the kernel dropped messages: any may be gone. It may come for interfaces of no interest: the
 * caller looks whether what it cares for is still there.
 */
#ifndef BERTH_HOST_LINK_WATCH_H
#define BERTH_HOST_LINK_WATCH_H

#include <stddef.h>
#include <uv.h>

#include "base/error.h"

struct link_watch;

/* NULL with err. data is borrowed until link_watch_stop(). */
struct link_watch *link_watch_start(uv_loop_t *loop, void (*cb)(const char *name, void *data), void *data,
				    struct error *err);
void link_watch_stop(struct link_watch *w); /* no cb from now on; takes NULL */

/* Calls cb for each deleted interface in a datagram of the kernel (aligned to 4); nonsense ends it. */
void link_parse(const void *data, size_t len, void (*cb)(const char *name, void *data), void *cb_data);

#endif
