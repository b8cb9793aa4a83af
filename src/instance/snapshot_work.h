/* SPDX-License-Identifier: MIT */
/* What the files snapshot_*.c share. Args of their operations: "name", "snapshot". */
#ifndef BERTH_INSTANCE_SNAPSHOT_WORK_H
#define BERTH_INSTANCE_SNAPSHOT_WORK_H

#include "instance/snapshot.h"
#include "instance/work.h"

#define SNAPSHOTS_DIR "snapshots"

char *snapshot_parent(const struct berthd *b, const char *instance); /* NAME/snapshots; caller frees */
const char *snapshot_name_of(const struct work *w);
/* The instance of an operation, when it is one of berth's own that can be understood. */
struct instance *snapshot_instance(const struct berthd *b, const char *name, struct error *err);
/* Starts it with the snapshot among its resources. */
struct op *snapshot_start(struct berthd *b, const struct op_kind *kind, cJSON *args_taken, struct error *err);
/* Has an operation of this kind on this snapshot (NULL: any of the instance) not ended yet? */
bool snapshot_pending(const struct berthd *b, const struct op_kind *kind, const char *instance, const char *snapshot);
/* Copies a tree as it is: owners, attributes, devices (an overlay's whiteouts). dst is new, or an empty folder; readonly
 * counts where it becomes a subvolume of btrfs. */
enum op_result snapshot_copy(struct op *op, const char *src, const char *dst, bool readonly, op_child_cb done,
			     struct error *err);
const char *snapshot_part(const cJSON *desired); /* "upper" or "rootfs" */
/* Where a refresh (refresh.h) has a snapshot until it takes its place; caller frees. */
char *snapshot_staged(const struct work *w, const char *name);
/* A key that says how the files lie: the snapshot's, while the rest of volatile.* is the instance's. */
bool snapshot_key_lies_in_files(const char *key);
/* A snapshot's note gets the pool, and the root device, of the instance that is being made: going back to it must not say
 * that it lies where its source lay. */
void snapshot_set_pool(const struct work *w, cJSON *note);
/* The tree of the driver dir, where LXC maps ids at the mount. */
bool snapshot_has_no_ids(const struct berthd *b, const cJSON *snapshot);

extern const struct op_kind snapshot_create_kind, snapshot_delete_kind, snapshot_rename_kind, snapshot_update_kind,
	snapshot_restore_kind;

#endif
