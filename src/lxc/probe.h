/* SPDX-License-Identifier: MIT */
/* What this host can do, found once at start (and on SIGHUP). */
#ifndef BERTH_LXC_PROBE_H
#define BERTH_LXC_PROBE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum cgroup_layout { CGROUP_LEGACY, CGROUP_HYBRID, CGROUP_UNIFIED };

struct probe {
	char lxc_version[32]; /* "5.0.2", from lxc-start --version */
	enum cgroup_layout cgroups;
	bool apparmor;        /* the kernel enforces it */
	bool seccomp;
	bool idmapped_mounts; /* MOUNT_ATTR_IDMAP works on the file system of the probed folder */
	bool overlay_idmapped; /* overlay accepts an idmapped lower layer (kernel >= 5.19) */
	bool lxcfs;           /* /var/lib/lxcfs/proc is there */
	uint32_t idmap_base;  /* first subordinate id of root, in both /etc/subuid and /etc/subgid */
	uint32_t idmap_size;  /* 0: root has no range */
	char kernel_version[65];
	char architecture[32]; /* uname -m */
};

/*
 * dir: where instances will live (idmapped mounts depend on the file system).
 * libexec: where berth-rootfs is. Synchronous, < 30 ms on a host at rest. An error only where
 * berthd cannot run at all: without lxc-start.
 */
struct probe *probe_host(const char *dir, const char *libexec, struct error *err);
/* The ids anew: `berth host init` may have given root some since. */
void probe_subids(struct probe *p);
void probe_free(struct probe *p);

#endif
