/* SPDX-License-Identifier: MIT */
/*
 * Backups in LXD's format, which `lxc export` makes, fetches and deletes again: a tar archive, compressed or not, that LXD
 * and berth take back ("backup/index.yaml" first; then backup/container/ and backup/snapshots/NAME/, each with backup.yaml,
 * metadata.yaml, templates/ and rootfs/; ids as the container sees them, which volatile.last_state.idmap "[]" says).
 *
 * They lie in backup_path/exports/UUID/NAME/, UUID being volatile.uuid: so they are the instance's, whatever it is called,
 * and what belongs to none any more goes with the next look. In there: `archive`, and export.json with
 *
 *	name, created_at, expires_at (RFC 3339 or TIME_UNSET), instance_only, compression_algorithm, size
 *
 * What is half-made or half-removed has a name with a dot in front.
 */
#ifndef BERTH_BACKUP_EXPORT_H
#define BERTH_BACKUP_EXPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

struct instance;

/* Is the body LXD's, not that of backup_create()? It has a member that only LXD's has. */
bool export_asked(const cJSON *request);

/*
 * {"name": "" for the next backup%d, "expires_at", "instance_only" or "container_only", "optimized_storage" (not to be
 * had: the archive is an ordinary one), "compression_algorithm": "" or none, gzip, bzip2, xz, zstd, lzma with "-N" behind}.
 * A running instance is read as it runs. The operation's args have the name as "export".
 */
struct op *export_create(struct berthd *b, const char *instance, const cJSON *request, struct error *err);

/* Array of export.json's, oldest first. */
cJSON *export_list(const struct berthd *b, const struct instance *inst);
/* One of them; ERROR_NOT_FOUND "Load backup from database: Instance backup not found". */
cJSON *export_get(const struct berthd *b, const struct instance *inst, const char *name, struct error *err);
/* Its archive, open for reading. */
int export_open(const struct berthd *b, const struct instance *inst, const char *name, struct error *err);

struct op *export_delete(struct berthd *b, const struct instance *inst, const char *name, struct error *err);
struct op *export_rename(struct berthd *b, const struct instance *inst, const char *name, const char *to, struct error *err);

/* Removes what has expired, what belongs to no instance, and what is left of what was killed. */
void export_sweep(struct berthd *b);
void export_register(struct op_queue *q);

/* ---- what the files export_*.c share */

char *export_dir(const struct berthd *b, const char *uuid, const char *name); /* caller frees */
const char *export_uuid(const struct instance *inst);
/* LXD's backup.Config: container, snapshots, pool, volume, volume_snapshots. */
cJSON *export_config(struct berthd *b, const struct instance *inst, const cJSON *snapshots);
/* "backup/index.yaml" and what else is small, below dir; snapshots: those that go in, whose names args get as "left". */
int export_write_facts(struct berthd *b, const struct instance *inst, const cJSON *snapshots, const char *dir, cJSON *args,
		       struct error *err);

#endif
