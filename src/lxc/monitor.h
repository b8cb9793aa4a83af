/* SPDX-License-Identifier: MIT */
/*
 * Watches every container of one lxcpath without polling: a supervised
 * `lxc-monitor -n '.*'` on a pty.  on_gap fires after each (re)start of the
 * tool, once it is connected: events may have been missed before, none is after,
 * so the owner lists the active ones again.
 *
 * lxc-monitor talks to lxc-monitord, which it starts for the lxcpath if need
 * be (in a session of its own) and which ends by itself within 30 s of its last
 * client's end.  Connected means: /proc/net/unix shows our tool's socket
 * connected and none to that daemon waiting to be accepted.  Measured on LXC
 * 5.0.2: 5 ms after the start; of 40 changes made right then none was missed.
 */
#ifndef BERTH_LXC_MONITOR_H
#define BERTH_LXC_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "lxc/tools.h"

struct lxc_monitor;

/* on_gap also fires when no connection was seen for 2 s, and again should it come after all. */
struct lxc_monitor *lxc_monitor_start(uv_loop_t *loop, const char *lxcpath,
				      void (*on_state)(const char *name, enum lxc_state state, void *data),
				      void (*on_gap)(void *data), void *data, struct error *err);
/* No callback from now on; frees itself on the loop. NULL is fine. */
void lxc_monitor_stop(struct lxc_monitor *m);

/*
 * Reads the text of /proc/net/unix: is one of the inodes connected, and nobody
 * waiting in the queue of lxcpath's lxc-monitord?
 */
bool lxc_monitor_connected(const char *net_unix, const char *lxcpath, const uint64_t *inodes, size_t count);

#endif
