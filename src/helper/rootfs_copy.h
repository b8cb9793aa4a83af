/* SPDX-License-Identifier: MIT */
/*
 * A copy of a tree with shifted owners: an image's, for hosts without idmapped mounts, or what an overlay shows. Kept:
 * modes, times, hard links, holes, symbolic links, sockets and fifos, extended attributes; ids inside POSIX ACLs are
 * shifted, file capabilities become those of the container's root (version 3). File data is shared where the file
 * system can (reflink). Device nodes are copied only to the container's own ids (base 0), which are mounted nodev:
 * with shifted owners they would open the host's devices.
 */
#ifndef BERTH_HELPER_ROOTFS_COPY_H
#define BERTH_HELPER_ROOTFS_COPY_H

#include "base/error.h"
#include "helper/rootfs_idmap.h"

/* dst must not exist or be an empty folder. On failure what was copied stays: its owner removes it. */
int rootfs_copy(const char *src, const char *dst, const struct idmap *map, struct error *err);
/* The same of a folder that is open already (O_PATH will do); src is its name in messages. */
int rootfs_copy_fd(int fd, const char *src, const char *dst, const struct idmap *map, struct error *err);

/*
 * In two passes, of a tree that changes: the first one takes what is there, leaves out what vanishes under its hands, and
 * writes the new file `note` (rootfs_note.h). When the tree has come to rest, the second one makes dst what src is then,
 * and reads only what changed. Owners, whiteouts and attributes as they are. A writer through a memory map is seen too.
 */
int rootfs_copy_live(const char *src, const char *dst, const char *note, struct error *err);
int rootfs_copy_rest(const char *src, const char *dst, const char *note, struct error *err);
/*
 * In one pass, of a tree that a container may be changing, which is hostile: what it swaps or removes meanwhile is left out,
 * and nothing is followed. dst is there and empty (it may be a subvolume). Owners and attributes as they are.
 */
int rootfs_copy_loose(const char *src, const char *dst, struct error *err);

#endif
