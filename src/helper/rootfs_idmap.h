/* SPDX-License-Identifier: MIT */
/*
 * One contiguous range of ids: container id 0 is host id `base`, and so on for `size` ids. size 0: no mapping
 * (privileged instance). A copy may come from a tree with another map: its id `from` becomes `base`.
 */
#ifndef BERTH_HELPER_ROOTFS_IDMAP_H
#define BERTH_HELPER_ROOTFS_IDMAP_H

#include <stdint.h>

#include "base/error.h"

struct idmap {
	uint32_t base;
	uint32_t size;
	uint32_t from; /* 0 but for idmap_between() */
};

/* "BASE:SIZE" or "none". */
int idmap_parse(const char *text, struct idmap *ret, struct error *err);

/* A user namespace with this map, for MOUNT_ATTR_IDMAP; returns its fd. No process stays behind. */
int idmap_open_userns(const struct idmap *map, struct error *err);

/* Enters such a namespace, as root of it; nothing to do for size 0. */
int idmap_become_root(const struct idmap *map, struct error *err);

/* From a tree with the ids of one map to a tree with those of the other; either may be 'none'. */
struct idmap idmap_between(const struct idmap *from, const struct idmap *to);

/* The host's id for the container's `id` (less `from`); -1 when it lies outside the range. */
int idmap_shift(const struct idmap *map, uint32_t id, uint32_t *ret);

/*
 * A detached copy of the mount at `path` (no submounts), private, with these mount attributes and the map
 * applied; returns its fd for move_mount().
 */
int idmap_open_tree(const char *path, const struct idmap *map, uint64_t attrs, struct error *err);

#endif
