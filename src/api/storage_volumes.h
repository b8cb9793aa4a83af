/* SPDX-License-Identifier: MIT */
/* What the files of /1.0/storage-pools/POOL/volumes share. */
#ifndef BERTH_API_STORAGE_VOLUMES_H
#define BERTH_API_STORAGE_VOLUMES_H

#include "api/router.h"

/* Of a custom volume, or (not NULL) its snapshot; caller frees. */
char *storage_volume_url(const char *pool, const char *name, const char *snapshot);
/* What of a volume's or a snapshot's object may change. */
void storage_volume_etag(const cJSON *object, char out[65]);
/* Only type custom can be changed; false: replied. */
bool storage_volume_is_custom(struct request *r);

/* Of POST volumes/TYPE: a backup becomes a volume (storage_volume_backups.c). */
extern const struct route_upload storage_volume_import_body;

/* Starts what the clock does with snapshots of volumes, with events of it. */
void volumes_by_the_clock(struct berthd *b);

#endif
