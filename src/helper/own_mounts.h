/* SPDX-License-Identifier: MIT */
/*
 * A mount namespace of our own. By the newer system calls: LXC runs its hooks under AppArmor's profile of lxc-start,
 * which denies most of what mount(2) does.
 */
#ifndef BERTH_HELPER_OWN_MOUNTS_H
#define BERTH_HELPER_OWN_MOUNTS_H

#include "base/error.h"

/* From now on nothing that is mounted here is seen elsewhere, nor the other way round. */
int own_mounts(struct error *err);
/* A small tmpfs at dir, mode 0755. */
int own_tmpfs(const char *dir, struct error *err);

#endif
