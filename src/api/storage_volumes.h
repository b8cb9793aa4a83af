/* SPDX-License-Identifier: MIT */
/* What the files of /1.0/storage-pools/POOL/volumes share. */
#ifndef BERTH_API_STORAGE_VOLUMES_H
#define BERTH_API_STORAGE_VOLUMES_H

#include "api/router.h"

/* Of a custom volume, or (not NULL) its snapshot; caller frees. */
char *storage_volume_url(const char *pool, const char *name, const char *snapshot);
/* What of a volume's or a snapshot's object may change. */
void storage_volume_etag(const cJSON *object, char out[65]);
/* Of LXD's four. ERROR_INVALID */
bool storage_volume_type(const char *type, struct error *err);
/* This is for custom volumes; false: replied. */
bool storage_volume_is_custom(struct request *r);
/* Before a change of a custom volume, or (not NULL) its snapshot: is it there, and as the client saw it? false: replied. */
bool storage_volume_unchanged(struct request *r, const char *snapshot);

/* ---- volumes that come and go with instances and images (storage_builtin.c) */
void storage_builtin_add(struct berthd *b, const char *pool, const char *type_or_null, cJSON *list);
cJSON *storage_builtin_get(struct berthd *b, const char *pool, const char *type, const char *name, struct error *err);
void storage_builtin_put(struct request *r);
void storage_builtin_delete(struct request *r);
void storage_builtin_snapshots(struct request *r);
void storage_builtin_snapshot(struct request *r);
void storage_builtin_snapshot_put(struct request *r, bool patch);

/* Of POST volumes/TYPE: a backup becomes a volume (storage_volume_backups.c). */
extern const struct route_upload storage_volume_import_body;

/* Starts what the clock does with snapshots of volumes, with events of it. */
void volumes_by_the_clock(struct berthd *b);

#endif
