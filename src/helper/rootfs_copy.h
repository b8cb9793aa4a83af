/* SPDX-License-Identifier: MIT */
/*
 * A copy of an image's tree with shifted owners, for hosts without idmapped mounts. Kept: modes, times, hard links,
 * holes, symbolic links, sockets and fifos, extended attributes; ids inside POSIX ACLs are shifted, file
 * capabilities become those of the container's root (version 3). File data is shared where the file system can
 * (reflink). Device nodes are copied only without a map: with one they would open the host's devices.
 */
#ifndef BERTH_HELPER_ROOTFS_COPY_H
#define BERTH_HELPER_ROOTFS_COPY_H

#include "base/error.h"
#include "helper/rootfs_idmap.h"

/* dst must not exist or be an empty folder. On failure what was copied stays: its owner removes it. */
int rootfs_copy(const char *src, const char *dst, const struct idmap *map, struct error *err);

#endif
