/* SPDX-License-Identifier: MIT */
/* What operations on a backup that is there share. */
#ifndef BERTH_BACKUP_CHECKING_H
#define BERTH_BACKUP_CHECKING_H

#include <cjson/cJSON.h>

#include "backup/backup.h"

/* The load() of a kind whose args name a "file"; its data is the berthd. */
void *backup_checked_load(void *ctx, cJSON *args, struct error *err);
/* Starts it on an object of backup_get() or backup_sidecar(), under the lock "backup/FILE". */
struct op *backup_start_on(struct berthd *b, const struct op_kind *kind, const cJSON *backup, struct error *err);

void backup_delete_register(struct op_queue *q);
void backup_verify_register(struct op_queue *q);

#endif
