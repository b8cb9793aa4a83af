/* SPDX-License-Identifier: MIT */
/*
 * Instances out of archives in LXD's format (export.h), of berth's or LXD's making. The upload lies in
 * backup_path/.import.UUID until the operation has ended. What it says is read by berth-restore, never by berthd.
 */
#ifndef BERTH_BACKUP_IMPORT_H
#define BERTH_BACKUP_IMPORT_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

struct import;

struct import *import_new(struct berthd *b, struct error *err);
/* ERROR_TOO_LARGE beyond image_max_bytes; ERROR_SYSTEM on a full disk. */
int import_write(struct import *im, const void *data, size_t len, struct error *err);
void import_abort(struct import *im); /* NULL is fine */

/*
 * The upload is complete (taken): cb is called once, from the loop, with the operation that makes the instance, or with
 * err: ERROR_TOOL "Unsupported compression", ERROR_INVALID for what is no backup. name: instead of the backup's, or NULL;
 * pool: where its root disk goes, or NULL.
 */
typedef void (*import_cb)(struct op *op, const struct error *err, void *data);
void import_start(struct import *im, const char *name, const char *pool, import_cb cb, void *data);

/* The same of a custom volume (volume_import.h), into the pool. */
void import_start_volume(struct import *im, const char *name, const char *pool, import_cb cb, void *data);

void import_clean(struct berthd *b); /* what a killed daemon left */

/*
 * import_read.c: {"request": body of POST instances, "archive": archive.h's} of a hostile index. ERROR_INVALID names what is wrong.
 */
cJSON *import_read(const cJSON *index, const char *name, struct error *err);

#endif
