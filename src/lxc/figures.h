/* SPDX-License-Identifier: MIT */
/*
 * Live figures of a running container read from the kernel, forking nothing:
 * cgroup v1, hybrid and v2 files (found through /proc/PID/cgroup), /proc, and
 * netlink in the container's network namespace.  Synchronous, well below 1 ms.
 */
#ifndef BERTH_LXC_FIGURES_H
#define BERTH_LXC_FIGURES_H

#include <cjson/cJSON.h>
#include <sys/types.h>

#include "lxc/probe.h"

/*
 * LXD's instance state without "status"/"disk": {"cpu":{"usage":ns},"memory":{usage,
 * usage_peak,swap_usage,swap_usage_peak},"network":{"eth0":{addresses[],counters,hwaddr,
 * host_name,mtu,state,type}},"pid":P,"processes":N}. A process that has just ended gives what could be read.
 */
cJSON *figures_state(pid_t pid, const struct probe *probe);
/* The same, but only the parts asked for: the others are not read and not there. */
enum { FIGURES_CPU = 1, FIGURES_MEMORY = 2, FIGURES_NETWORK = 4, FIGURES_PROCESSES = 8, FIGURES_PID = 16, FIGURES_ALL = 31 };
cJSON *figures_parts(pid_t pid, const struct probe *probe, unsigned parts);
/* The same for a stopped container: zeros, "network": null, pid 0 (LXD sends an object, never null). */
cJSON *figures_stopped(void);

/*
 * Writes one cgroup file of the container, v1 ("memory", "memory.limit_in_bytes") or v2 ("", "memory.max").
 * ERROR_SYSTEM names the file and value.
 */
int cgroup_write(pid_t pid, const char *controller, const char *file, const char *value,
		 const struct probe *probe, struct error *err);

#endif
