/* SPDX-License-Identifier: MIT */
/* Custom volumes go to other servers and come from them, as LXD 5.0 has it; as instances do (migrate.h, instance/receive.h). */
#ifndef BERTH_BACKUP_VOLUME_MIGRATE_H
#define BERTH_BACKUP_VOLUME_MIGRATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/* {"volume_only", "target": {"operation", "certificate", "secrets"}}: LXD's StorageVolumePost with "migration". */
struct op *volume_migrate(struct berthd *b, const char *pool, const char *name, const cJSON *request, struct error *err);

bool volume_receive_asked(const cJSON *request); /* source.type is "migration" */
/* StorageVolumesPost; the volume must not be there, or is brought up to date with source.refresh. */
struct op *volume_receive(struct berthd *b, const char *pool, const cJSON *request, struct error *err);
void volume_migrate_register(struct op_queue *q);

#endif
