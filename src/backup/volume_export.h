/* SPDX-License-Identifier: MIT */
/*
 * Backups of custom volumes in LXD's format: a tar archive, compressed or not, of "backup/index.yaml", backup/volume/ and
 * backup/volume-snapshots/NAME/. They lie beside the volume, in .NAME/backups/B/ (pool/custom.h): so they are renamed and
 * go with it. In there: `archive`, and export.json with
 *
 *	name, created_at, expires_at (RFC 3339 or TIME_UNSET), volume_only, size
 *
 * What is half-made is in the ..new.MARK/ of its operation, which holds the volume's lock.
 */
#ifndef BERTH_BACKUP_VOLUME_EXPORT_H
#define BERTH_BACKUP_VOLUME_EXPORT_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * {"name": "" for the next backup%d, "expires_at", "volume_only", "optimized_storage" (not to be had: the archive is an
 * ordinary one), "compression_algorithm"}, as export_create() takes them. What is archived is a copy: a container may
 * run with the volume. The operation's args have the name as "export".
 */
struct op *volume_export_create(struct berthd *b, const char *pool, const char *volume, const cJSON *request, struct error *err);

/* Array of export.json's, oldest first. */
cJSON *volume_export_list(const struct berthd *b, const char *pool, const char *volume, struct error *err);
/* One of them; ERROR_NOT_FOUND "Storage volume backup not found". */
cJSON *volume_export_get(const struct berthd *b, const char *pool, const char *volume, const char *name, struct error *err);
/* Its archive, open for reading. */
int volume_export_open(const struct berthd *b, const char *pool, const char *volume, const char *name, struct error *err);

struct op *volume_export_delete(struct berthd *b, const char *pool, const char *volume, const char *name, struct error *err);
struct op *volume_export_rename(struct berthd *b, const char *pool, const char *volume, const char *name, const char *to,
				struct error *err);

/* Removes what has expired. */
void volume_export_sweep(struct berthd *b);
void volume_export_register(struct op_queue *q);

/* ---- what the files volume_export*.c share */

char *volume_export_dir(const struct berthd *b, const char *pool, const char *volume, const char *name); /* caller frees */
/* Starts it with the volume's lock; resources and args taken. */
struct op *volume_export_start(struct berthd *b, const struct op_kind *kind, cJSON *args, cJSON *resources, struct error *err);
extern const struct op_kind volume_export_kind;

#endif
