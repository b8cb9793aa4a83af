/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef BERTH_POOL_POOL_PRIVATE_H
#define BERTH_POOL_POOL_PRIVATE_H

#include <stdint.h>

#include "pool/pool.h"
#include "pool/tree.h"

/* Writes the file, then what is in memory; pool_taken is taken either way. */
int pool_put(struct berthd *b, const char *name, cJSON *pool_taken, struct error *err);
int pool_drop(struct berthd *b, const char *name, struct error *err);
/* Of a pool object that may not be in the store yet. Caller frees. */
char *pool_path_of(const struct berthd *b, const cJSON *pool);
char *pool_image_path(const struct berthd *b, const char *name); /* pools_path/NAME.img */

/* pool_config.c */
int pool_name_check(const char *name, struct error *err);
int pool_config_check(const char *driver, const cJSON *config, struct error *err);
cJSON *pool_config_clean(const cJSON *config); /* without the keys whose value is "" */
/* config of a PUT or PATCH over what there is; volatile.* and the keys in `kept` stay when a PUT does not name them. */
cJSON *pool_config_change(const cJSON *old, const cJSON *change, bool patch, const char *const *kept);

/* pool_mount.c */
bool pool_needs_mount(const cJSON *pool);
bool pool_is_mounted(const struct berthd *b, const cJSON *pool);
/* Idempotent, both. A regular file is mounted through a loop device that goes with the mount. */
int pool_mount(const struct berthd *b, const cJSON *pool, struct error *err);
/* Of a pool that was made: another file system, as a device may hold after a reboot, is not left mounted. */
int pool_mount_again(const struct berthd *b, const cJSON *pool, struct error *err);
int pool_remount(const struct berthd *b, const cJSON *pool, struct error *err); /* with its options of now */
int pool_unmount(const struct berthd *b, const cJSON *pool, struct error *err);
int pool_mount_options_check(const char *text, struct error *err);
bool pool_is_btrfs(const char *path); /* does path lie on one? */

/* pool_live.c: what of a pool's new object concerns what is mounted. All or nothing; what is done already is done again. */
int pool_change_live(const struct berthd *b, const cJSON *old, const cJSON *new, struct error *err);

#endif
