/* SPDX-License-Identifier: MIT */
/*
 * A child that is to live as long as the daemon (lxc-monitor): started again
 * when it ends, after 0.1 s, doubling to 30 s; a run of over 60 s resets that.
 * Nobody waits for such a child, so its end is logged here, as a warning.
 */
#ifndef BERTH_PROC_SUPERVISE_H
#define BERTH_PROC_SUPERVISE_H

#include <stdbool.h>

#include "proc/proc.h"

struct supervise;

/*
 * Called with argv (borrowed) of a copied spec; on_exit in spec must be NULL.
 * on_start, which may be NULL: after each (re)start, the first one before this
 * returns. NULL and err when the first start fails.
 */
struct supervise *supervise_start(uv_loop_t *loop, const struct proc_spec *spec,
				  void (*on_start)(void *data), struct error *err);
pid_t supervise_pid(const struct supervise *s); /* 0 between two runs */
/* SIGTERM to the group, SIGKILL 5 s later; no callback from now on; frees itself later. NULL is fine. */
void supervise_stop(struct supervise *s);
/* The same, and ended once, from the loop, when the child is gone; false: there is none just now, and no call. */
bool supervise_stop_then(struct supervise *s, void (*ended)(void *data), void *data);

#endif
