/* SPDX-License-Identifier: MIT */
/*
 * What the readers of LXD's index.yaml share (import_index.c). All that is read is hostile, and every scalar a string.
 * ERROR_INVALID or ERROR_UNSUPPORTED name what is wrong.
 */
#ifndef BERTH_BACKUP_IMPORT_PRIVATE_H
#define BERTH_BACKUP_IMPORT_PRIVATE_H

#include <cjson/cJSON.h>

#include "base/error.h"

/* Of an archive of send streams of btrfs, "streams" of v, true, and "backend": the driver it wants. Not of trees within trees. */
int import_take_streams(const cJSON *index, cJSON *v, struct error *err);
/* Can the pool of this driver take it? `Optimized backup storage driver "btrfs" differs from …` v: as above. */
int import_check_driver(const cJSON *v, const char *driver, struct error *err);
/* key of v: from's, if it is an RFC 3339 time; else TIME_UNSET */
void import_put_time(cJSON *v, const char *key, const cJSON *from);

/* Its name: "s1", or of some versions "c1/s1" (borrowed; "" for none). */
const char *import_snapshot_name(const cJSON *snapshot);
int import_check_once(const cJSON *list, const char *name, struct error *err); /* no "name" of the list is name yet */
int import_check_all(const cJSON *index, const cJSON *list, struct error *err); /* the list is as long as the index's */

/* text: LXD's JSON of an id map, "" and [] for none. Sets "shift" ("HOST:INSIDE:SIZE") of v where the files are shifted. */
int import_take_shift(const char *text, cJSON *v, struct error *err);

#endif
