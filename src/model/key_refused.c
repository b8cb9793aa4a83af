/* SPDX-License-Identifier: MIT */
#include "model/key_refused.h"

#include <stddef.h>
#include <string.h>

#include "model/key_types.h"

#define NO_NVIDIA "the NVIDIA container runtime is not used"
#define NO_INTERCEPT "no system calls are intercepted: berthd takes no part in what a container's processes do"
#define NO_LIVE "containers do not migrate while they run"

const struct key_refused keys_refused[] = {
	{ "cluster.evacuate", "auto", "berthd is not part of a cluster" },
	{ "limits.network.priority", "0", "the kernel's net_prio is not used; limits.* of a nic are" },
	{ "migration.incremental.memory", "false", NO_LIVE },
	{ "migration.incremental.memory.*", NULL, NO_LIVE },
	{ "nvidia.driver.capabilities", NULL, NO_NVIDIA },
	{ "nvidia.require.*", NULL, NO_NVIDIA },
	{ "nvidia.runtime", "false", NO_NVIDIA },
	{ "security.devlxd", "false", "there is no /dev/lxd in containers" },
	{ "security.devlxd.images", "false", "there is no /dev/lxd in containers" },
	{ "security.syscalls.blacklist_compat", "false", "write the calls into raw.seccomp" },
	{ "security.syscalls.deny_compat", "false", "write the calls into raw.seccomp" },
	{ "security.syscalls.intercept.mount.allowed", NULL, NO_INTERCEPT },
	{ "security.syscalls.intercept.mount.fuse", NULL, NO_INTERCEPT },
	{ "security.syscalls.intercept.*", "false", NO_INTERCEPT },
	{ .name = NULL },
};

const struct key_refused *key_refused_find(const char *name)
{
	for (const struct key_refused *k = keys_refused; k->name; k++) {
		size_t prefix = type_has_suffix(k->name, ".*") ? strlen(k->name) - 1 : 0;

		if (prefix ? strncmp(name, k->name, prefix) == 0 && name[prefix] : strcmp(name, k->name) == 0)
			return k;
	}
	return NULL;
}
