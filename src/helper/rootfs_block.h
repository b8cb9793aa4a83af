/* SPDX-License-Identifier: MIT */
/* Mount options, and the file systems of block devices. */
#ifndef BERTH_HELPER_ROOTFS_BLOCK_H
#define BERTH_HELPER_ROOTFS_BLOCK_H

#include <stdint.h>

#include "base/error.h"
#include "helper/rootfs_attach.h"

/*
 * "noatime,uid=7" cut into what any mount has (MOUNT_ATTR_…, added to *attrs) and what is the file system's own, which
 * stays in the text (changed in place).
 */
void block_take_flags(char *options, uint64_t *attrs);

/*
 * The file system on a->source as a detached mount, which no namespace of the host ever has, with a->options (NULL: none), its
 * ids mapped. Its type is what blkid(8) says. Returns its fd for move_mount(); ERROR_UNSUPPORTED when the ids cannot be mapped.
 */
int block_open_tree(const struct rootfs_attach *a, struct error *err);

#endif
