/* SPDX-License-Identifier: MIT */
/* An instance, or one of its snapshots, goes to another server, which may be LXD 5.0 (instance/receive.h is the other side). */
#ifndef BERTH_BACKUP_MIGRATE_H
#define BERTH_BACKUP_MIGRATE_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * {"live": true if missing: a running one cannot go so, "instance_only" or "container_only", "allow_inconsistent": it is not
 * frozen meanwhile, "target": {"operation", "certificate", "websockets"} to connect to; without it the target connects, with
 * the secrets in the operation's metadata}. snapshot: its name, or NULL. The instance stays as it is.
 */
struct op *migrate_start(struct berthd *b, const char *name, const char *snapshot, const cJSON *request, struct error *err);
void migrate_register(struct op_queue *q);

#endif
