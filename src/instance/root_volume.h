/* SPDX-License-Identifier: MIT */
/*
 * What clients note about the root file system of an instance as a volume: "volume": {"config", "description"} in
 * berth.json, so it comes along into snapshots and back, and its config into copies. It is told again and does nothing,
 * as in LXD: what an instance does is in its own configuration.
 */
#ifndef BERTH_INSTANCE_ROOT_VOLUME_H
#define BERTH_INSTANCE_ROOT_VOLUME_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/* of: desired state, or a snapshot's. Sets "config" and "description" of the volume object v. */
void root_volume_show(const cJSON *of, cJSON *v);
/* A copy's, of what it is a copy of. */
void root_volume_copy(cJSON *desired, const cJSON *source);
/* {"config", "description"} instead of what there is: keys user.*, volatile.idmap.*, snapshots.*. ERROR_INVALID */
struct op *root_volume_put(struct berthd *b, const char *name, const cJSON *request, struct error *err);
/* Of a snapshot only the description can change. "Storage pool volume not found" */
struct op *root_volume_describe(struct berthd *b, const char *name, const char *snapshot, const char *description,
				struct error *err);
void root_volume_register(struct op_queue *q);

#endif
