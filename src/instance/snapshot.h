/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of instances: NAME/snapshots/SNAP/ has what NAME/ had: upper/ (overlay) or rootfs/ (dir), and berth.json
 * with the desired state of then, its created_at being the snapshot's, and expires_at, idmap_base. What is half-made or
 * half-removed has a name with a dot in front and is never shown. A running instance is frozen while its own files
 * are copied.
 */
#ifndef BERTH_INSTANCE_SNAPSHOT_H
#define BERTH_INSTANCE_SNAPSHOT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

struct instance;

/* ---- what is there (snapshot_list.c); true also after somebody removed one by hand */

/* Array of berth.json's with their "name", oldest first; empty when there are none. Valid until the next call of any function here. */
const cJSON *snapshot_list(const struct berthd *b, struct instance *inst);
/* "… InstanceSnapshot not found" */
const cJSON *snapshot_find(const struct berthd *b, struct instance *inst, const char *name, struct error *err);
/* NAME/snapshots/SNAP, where the name as a file name has % for "%25" and a leading dot for "%2E"; caller frees. */
char *snapshot_dir(const struct berthd *b, const char *instance, const char *snapshot);
char *snapshot_file(const char *snapshot); /* that last part alone */
cJSON *snapshot_view(const struct berthd *b, const cJSON *snapshot); /* LXD's InstanceSnapshot */
bool snapshot_uses_image(const struct berthd *b, struct instance *inst, const char *fingerprint);
void snapshot_changed(struct instance *inst); /* the list is read anew */

/* ---- changes: operations that hold "instance/NAME" */

/*
 * {"name": "" for the next one of snapshots.pattern, "stateful": false, "expires_at": RFC 3339, null for what
 * snapshots.expiry says, "0001-01-01T00:00:00Z" for never}; request may be NULL. The operation's args have the name as
 * "snapshot".
 */
struct op *snapshot_create(struct berthd *b, const char *name, const cJSON *request, struct error *err);
/* {"expires_at": …}: all that can change; with patch it may be missing. */
struct op *snapshot_update(struct berthd *b, const char *name, const char *snapshot, const cJSON *change, bool patch,
			   struct error *err);
struct op *snapshot_rename(struct berthd *b, const char *name, const char *snapshot, const char *to, struct error *err);
struct op *snapshot_delete(struct berthd *b, const char *name, const char *snapshot, struct error *err);
/*
 * Goes back: files, config, devices, profiles, description as they were then; volatile.* stays. Running, it is ended
 * by force and started again. Killed or failed on the way, the instance is as it was before, and runs if it did.
 */
struct op *snapshot_restore(struct berthd *b, const char *name, const char *snapshot, struct error *err);
void snapshot_register(struct op_queue *q);

/* ---- by the clock (snapshot_due.c): snapshots.schedule, and the end of what has expired */

/* started is told of each operation: action is "created" or "deleted". */
typedef void (*snapshot_started_cb)(struct op *op, const char *action, const char *name, const char *snapshot,
				    void *data);
void snapshot_due_start(struct berthd *b, snapshot_started_cb started, void *data);
void snapshot_due_stop(struct berthd *b);
/* It has just started: the snapshot of @startup. */
void snapshot_due_startup(struct berthd *b, const struct instance *inst);

#endif
