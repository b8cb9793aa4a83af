/* SPDX-License-Identifier: MIT */
/*
 * How much a tree may take of its pool: on a btrfs by the subvolume's qgroup; elsewhere by a project quota, where the
 * file system keeps them (ext4, xfs mounted with prjquota). The project's number is 2^31 and the inode number of the
 * key, which is the folder that stays while trees in it come and go: nothing has to be remembered.
 */
#ifndef BERTH_POOL_LIMIT_H
#define BERTH_POOL_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "berthd.h"

/*
 * Limits set earlier hold again: where the kernel only counts although the file system that dir lies on is mounted with
 * prjquota, it enforces from now on. What cannot be is no matter.
 */
void limit_resume(const char *dir);
/* Can trees of that pool be limited? The error says why not and what to do. ERROR_INVALID */
int limit_possible(const struct berthd *b, const char *pool, const char *size, struct error *err);

/*
 * The trees (NULL-terminated; those that are missing are left out) may take so many bytes together; 0: as many as there
 * are. On btrfs each on its own. For threads: every file is visited, and nothing outside of the trees, whatever is done
 * in them meanwhile. Idempotent.
 */
int limit_trees(const char *key, const char *const *trees, uint64_t bytes, struct error *err);
/* Before the key goes, so that its number is nobody's limit. What cannot be is no matter. */
void limit_forget(const char *key);

#endif
