/* SPDX-License-Identifier: MIT */
/*
 * Where rsync runs: it speaks with a stranger and has root's ids, so it sees nothing but its own program (/usr, read-only)
 * and the data (/data), in namespaces of its own (mounts, processes, network, IPC), without the rights that it does not
 * need, and nothing in there can be executed, opened as a device, or given back rights by a set-user-id bit.
 */
#ifndef BERTH_HELPER_MIGRATE_JAIL_H
#define BERTH_HELPER_MIGRATE_JAIL_H

#include <stdbool.h>

#include "base/error.h"
#include "helper/rootfs_idmap.h"

struct jail {
	const char *data;  /* the folder that becomes /data; has a folder rootfs */
	int rootfs;        /* a detached mount that becomes /data/rootfs; -1: none */
	bool readonly;
	struct idmap map;  /* size > 0: the ids that become root's and so on, in a user namespace: only with readonly */
	int (*run)(void *arg); /* instead of a program: what it returns is the exit status */
	void *arg;
};

#define JAIL_SELF "/migrate" /* this very program, in there */

/*
 * In a child of its own: becomes argv, whose program is looked for in PATH, or does j->run. in, out, errs become its 0, 1, 2; extra its 3,
 * unless it is -1. Does not return; what is wrong is written to errs, and the exit status is 127. Its processes end with
 * the caller's.
 */
_Noreturn void jail_run(const struct jail *j, char *const *argv, const int fds[4]);

#endif
