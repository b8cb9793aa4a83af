/* SPDX-License-Identifier: MIT */
/*
 * Custom volumes of pools: a folder (on btrfs a subvolume; its name is that of custom_name.h) in pool_volumes(), and .NAME/ beside it: volume.json
 * {"description","config","created_at"} and snapshots/SNAP/{data, snapshot.json}. What is half-made has a name with two
 * dots in front. A volume is there when its folder is.
 *
 * The volumes that belong to an instance (instance/volume.h) are the default pool's too, under the name OWNER_NAME
 * ("_" is in no instance's name), with the same folder beside them: one set of functions serves both.
 *
 * A device names a volume by pool and source, as LXD does; custom_resolve() makes of it the path that is mounted.
 */
#ifndef BERTH_POOL_CUSTOM_H
#define BERTH_POOL_CUSTOM_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "pool/custom_name.h"
#include "proc/op.h"

char *custom_path(const struct berthd *b, const char *pool, const char *name); /* caller frees */
bool custom_exists(const struct berthd *b, const char *pool, const char *name);
/* The keys and values of a volume that is to have that name there. ERROR_INVALID */
int custom_config_check(struct berthd *b, const char *pool, const char *name, const cJSON *config, struct error *err);

/* ---- LXD's objects; all new */
/* StorageVolume, with used_by (as LXD: who has it of a profile is not in it, the profile is). "Storage pool not found", "Storage pool volume not found" */
cJSON *custom_get(struct berthd *b, const char *pool, const char *name, struct error *err);
cJSON *custom_list(struct berthd *b, const char *pool); /* of all, sorted by name */
cJSON *custom_names(const struct berthd *b, const char *pool); /* theirs alone, which costs no look at instances */
/* StorageVolumeSnapshot; sorted by creation. "Storage pool volume not found" */
cJSON *custom_snapshot_get(struct berthd *b, const char *pool, const char *name, const char *snapshot, struct error *err);
cJSON *custom_snapshot_list(struct berthd *b, const char *pool, const char *name, struct error *err);

/* ---- devices */
/* In expanded devices: pool and source of every disk but the root become the path in source; pool goes. */
void custom_resolve(const struct berthd *b, cJSON *devices);
/* Of the devices that are not there just so in old (may be NULL): pool and volume must be there. */
int custom_check_devices(const struct berthd *b, const cJSON *old, const cJSON *devices, struct error *err);

/* ---- changes: operations that hold "pool-volume/POOL/NAME" (and more: custom_work.h) */
/*
 * StorageVolumesPost: source.type "" or "copy" (source.name "v" or "v/snap", source.pool, source.volume_only; with
 * source.refresh a volume that is there gets the source's data and snapshots, custom_refresh.c).
 */
struct op *custom_create(struct berthd *b, const char *pool, const cJSON *request, struct error *err);
struct op *custom_delete(struct berthd *b, const char *pool, const char *name, struct error *err);
/* {"name", "pool": another one}; devices follow, but a volume of a running instance is refused. */
struct op *custom_rename(struct berthd *b, const char *pool, const char *name, const cJSON *request, struct error *err);
/*
 * PUT or PATCH of description and config: at once, with *ret_op NULL; but a new size is an operation, since it may have to
 * visit every file.
 */
int custom_update(struct berthd *b, const char *pool, const char *name, const cJSON *change, bool patch, struct op **ret_op,
		  struct error *err);
/* PUT with "restore" */
struct op *custom_restore(struct berthd *b, const char *pool, const char *name, const char *snapshot, struct error *err);

/* {"name": "" for the next of snapshots.pattern, "expires_at": as snapshot_create()} */
struct op *custom_snapshot_create(struct berthd *b, const char *pool, const char *name, const cJSON *request,
				  struct error *err);
struct op *custom_snapshot_delete(struct berthd *b, const char *pool, const char *name, const char *snapshot,
				  struct error *err);
struct op *custom_snapshot_rename(struct berthd *b, const char *pool, const char *name, const char *snapshot, const char *to,
				  struct error *err);
int custom_snapshot_update(struct berthd *b, const char *pool, const char *name, const char *snapshot, const cJSON *change,
			   bool patch, struct error *err);

/* ---- by the clock (custom_due.c): snapshots.schedule, and the end of what has expired */
/* Told of each operation: action is "created" or "deleted", its args have the "snapshot". */
typedef void (*custom_started_cb)(struct berthd *b, struct op *op, const char *action, const char *pool, const char *name);
struct custom_due *custom_due_start(struct berthd *b, custom_started_cb started);
void custom_due_stop(struct custom_due *d); /* NULL is fine */

void custom_register(struct op_queue *q);

#endif
