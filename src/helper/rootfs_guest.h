/* SPDX-License-Identifier: MIT */
/* A running container, seen from outside: the namespaces and the root folder of its init. */
#ifndef BERTH_HELPER_ROOTFS_GUEST_H
#define BERTH_HELPER_ROOTFS_GUEST_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct guest {
	pid_t pid;
	int user, mnt, root; /* its namespaces and root folder; -1 when not open */
	bool same_user; /* a privileged container: the user namespace is ours */
};

#define GUEST_INIT { .user = -1, .mnt = -1, .root = -1 }

/*
 * Opens what belongs to this process. ERROR_NOT_FOUND when it ended meanwhile, ERROR_INVALID when it is in our own mount
 * namespace and so in no container (the number may be another process's by now); root is open then. guest_close() in
 * any case.
 */
int guest_open(struct guest *g, pid_t pid, struct error *err);
void guest_close(struct guest *g);
/* We become its root; nothing to do for a privileged one. */
int guest_become_root(const struct guest *g, struct error *err);

#endif
