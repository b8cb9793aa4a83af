/* SPDX-License-Identifier: MIT */
/* Folders that are volumes: on btrfs subvolumes. What takes long is for threads. */
#ifndef BERTH_POOL_TREE_H
#define BERTH_POOL_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* An empty one: a subvolume for the driver "btrfs", else a folder of mode 0711. */
int pool_tree_create(const char *driver, const char *path, struct error *err);
/* As fs_remove_tree(), with every subvolume in it, where path lies on a btrfs. Long, unless it is all subvolumes. */
int pool_remove(const char *path, struct error *err);
/* At once; within one btrfs, of a subvolume. */
int pool_tree_snapshot(const char *from, const char *to, bool readonly, struct error *err);
bool pool_tree_is_subvolume(const char *path);
/* Can `to` become a snapshot of `from`? */
bool pool_tree_can_snapshot(const char *from, const char *to);
int pool_tree_limit(const char *path, uint64_t bytes, struct error *err); /* 0: none */

#endif
