/* SPDX-License-Identifier: MIT */
/*
 * On a host with cgroup v1 lxc-freeze(1) sleeps for a second when not all processes have stopped at its first look (LXC
 * 5.0: freezer.c). Whoever freezes for a moment stops them first, so that lxc-freeze finds it done.
 */
#ifndef BERTH_LXC_FREEZER_H
#define BERTH_LXC_FREEZER_H

#include <stdbool.h>
#include <sys/types.h>

#include "lxc/probe.h"

/*
 * Asks the freezer of the container, whose init is pid (another's is left alone), and looks again for at most 10 ms (it blocks; as a
 * rule for one). Nothing happens on cgroup v2, where lxc-freeze waits for an event. Run lxc-freeze next
 * whatever came of it: LXC's own state is its.
 */
void freezer_ahead(const char *name, pid_t pid, enum cgroup_layout layout);

/*
 * Lets the processes go on, whatever LXC takes the container for. On cgroup v1 lxc-freeze that is ended before its second
 * look leaves them stopped in a container that LXC takes for RUNNING, and lxc-unfreeze does nothing about one of those. Run
 * lxc-unfreeze next, for LXC's own state.
 */
void freezer_thaw(const char *name, pid_t pid, enum cgroup_layout layout);

/* By the kernel's word, which no event is late for; `otherwise` when the cgroup cannot be found. */
bool freezer_is_frozen(const char *name, pid_t pid, enum cgroup_layout layout, bool otherwise);

#endif
