/* SPDX-License-Identifier: MIT */
/*
 * Where a container's cgroups are, from the text of /proc/PID/cgroup
 * (cgroups(7)) of its init. A controller on its own v1 hierarchy is found
 * there, every other on the unified one: so legacy, hybrid and unified hosts
 * are one case.
 */
#ifndef BERTH_LXC_CGROUP_H
#define BERTH_LXC_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "lxc/probe.h"

/* Appends the text of /proc/PID/cgroup. */
int cgroup_load(pid_t pid, struct strbuf *text, struct error *err);

struct cgroup_dir {
	char path[PATH_MAX]; /* "/sys/fs/cgroup/memory/lxc.payload.c1" */
	bool unified;        /* the v2 files are the ones to use */
};

/*
 * controller "memory", or "" for the unified hierarchy. The path ends with
 * LXC's own cgroup ("lxc.payload.NAME", the first such component): init may sit
 * in one that the container made below it, where a limit would bind nothing.
 * False when there is none, or it is the root.
 */
bool cgroup_find(const char *text, const char *controller, enum cgroup_layout layout, struct cgroup_dir *ret);

/* A file that begins with a number. */
bool cgroup_read_u64(const struct cgroup_dir *dir, const char *file, uint64_t *ret);
/* "key number" on a line of its own (cpu.stat). */
bool cgroup_read_key(const struct cgroup_dir *dir, const char *file, const char *key, uint64_t *ret);

/*
 * LXC cannot always remove the groups of a container that ended in a hurry (EBUSY). Removes lxc.monitor.NAME and
 * lxc.payload.NAME in every hierarchy if they are empty; one in use, also by another lxcpath, is left alone. For a
 * thread: waits up to 0.2 s for processes that are just ending.
 */
void cgroup_sweep(const char *name);
/* Is there something to sweep? True also while it runs. */
bool cgroup_left(const char *name);

#endif
