/* SPDX-License-Identifier: MIT */
/*
 * Watches every container of one lxcpath without polling: a supervised
 * `lxc-monitor -n '.*'` on a pty.  on_gap fires after each (re)start of the
 * tool: events may have been missed, so the owner lists the active ones again.
 */
#ifndef BERTH_LXC_MONITOR_H
#define BERTH_LXC_MONITOR_H

#include <uv.h>

#include "base/error.h"
#include "lxc/tools.h"

struct lxc_monitor;

struct lxc_monitor *lxc_monitor_start(uv_loop_t *loop, const char *lxcpath,
				      void (*on_state)(const char *name, enum lxc_state state, void *data),
				      void (*on_gap)(void *data), void *data, struct error *err);
void lxc_monitor_stop(struct lxc_monitor *m);

#endif
