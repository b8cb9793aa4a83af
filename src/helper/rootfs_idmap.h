/* SPDX-License-Identifier: MIT */
/*
 * One contiguous range of ids: container id 0 is host id `base`, and so on for `size` ids. size 0: no mapping
 * (privileged instance). A copy may come from a tree with another map: its id `from` becomes `base`.
 *
 * Ids on disk are never others than those of the range. Of a running instance some may be certain ids of the host
 * (raw.idmap), which namespaces and mounts know.
 */
#ifndef BERTH_HELPER_ROOTFS_IDMAP_H
#define BERTH_HELPER_ROOTFS_IDMAP_H

#include <stdint.h>

#include "base/error.h"
#include "base/raw_idmap.h"

struct idmap {
	uint32_t base;
	uint32_t size;
	uint32_t from; /* 0 but for idmap_between() */
	struct raw_idmap raw; /* n == 0 but for the ids of a running instance; lies within size */
};

/* "BASE:SIZE", "BASE:SIZE,RAW" (RAW: as raw_idmap_print() writes it) or "none". */
int idmap_parse(const char *text, struct idmap *ret, struct error *err);

/* A user namespace with this map, for MOUNT_ATTR_IDMAP; returns its fd. No process stays behind. */
int idmap_open_userns(const struct idmap *map, struct error *err);

/* Enters such a namespace, as root of it; nothing to do for size 0. */
int idmap_become_root(const struct idmap *map, struct error *err);

/* From a tree with the ids of one map to a tree with those of the other; either may be 'none'. */
struct idmap idmap_between(const struct idmap *from, const struct idmap *to);

/*
 * As idmap_open_userns(), for a mount that shows a tree whose files have the ids of the range as a running instance has
 * them: raw ids are the host's. The host's root stays what it is: overlay works in its upper layer as that.
 */
int idmap_open_upper(const struct idmap *map, struct error *err);

/* The host's id for the container's `id` (less `from`) on disk; -1 when it lies outside the range. */
int idmap_shift(const struct idmap *map, uint32_t id, uint32_t *ret);

/*
 * A detached copy of the mount at `path` (no submounts), private, with these mount attributes and the map
 * applied; returns its fd for move_mount().
 */
int idmap_open_tree(const char *path, const struct idmap *map, uint64_t attrs, struct error *err);

/* The same with the map of a user namespace; -1: ids stay as they are. */
int idmap_open_tree_in(const char *path, int userns, uint64_t attrs, struct error *err);

/* The same to a detached mount that the caller has; path: for messages. ERROR_UNSUPPORTED: its ids cannot be mapped. */
int idmap_set_attrs(int tree, const char *path, int userns, uint64_t attrs, struct error *err);

#endif
