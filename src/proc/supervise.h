/* SPDX-License-Identifier: MIT */
/*
 * A child that is to live as long as the daemon (lxc-monitor): started again
 * when it ends, after 0.1 s, doubling to 30 s; a run of over 60 s resets that.
 */
#ifndef BERTH_PROC_SUPERVISE_H
#define BERTH_PROC_SUPERVISE_H

#include "proc/proc.h"

struct supervise;

/* Called with argv (borrowed) of a copied spec; on_exit in spec must be NULL. on_start: after each (re)start. */
struct supervise *supervise_start(uv_loop_t *loop, const struct proc_spec *spec,
				  void (*on_start)(void *data), struct error *err);
void supervise_stop(struct supervise *s); /* SIGTERM to the group; frees itself later on the loop */

#endif
