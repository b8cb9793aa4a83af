/* SPDX-License-Identifier: MIT */
/* Custom volumes out of archives in LXD's format (volume_export.h), of berth's or LXD's making. */
#ifndef BERTH_BACKUP_VOLUME_IMPORT_H
#define BERTH_BACKUP_VOLUME_IMPORT_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * index: what berth-restore says of the archive at path, whose scalars are all strings, and hostile. name: instead of the
 * backup's, or NULL. The archive must stay there until the operation has ended.
 */
struct op *volume_import(struct berthd *b, const char *pool, const char *name, const cJSON *index, const char *path,
			 struct error *err);
/* {"name", "description", "config", "shift": absent for none, "snapshots": [{"name", "description", "config", "created_at",
 * "expires_at", "shift"}], "streams" and "backend" as import_private.h says}; ERROR_INVALID and ERROR_UNSUPPORTED name what is wrong. */
cJSON *volume_import_read(const cJSON *index, struct error *err);
void volume_import_register(struct op_queue *q);

#endif
