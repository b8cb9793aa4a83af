/* SPDX-License-Identifier: MIT */
/* limits.read, limits.write and limits.max of a disk: how fast the block device below it may be used. */
#ifndef BERTH_MODEL_DISK_LIMITS_H
#define BERTH_MODEL_DISK_LIMITS_H

#include "model/key.h"

/* "10MB" (a second) or "100iops"; more than 0. */
bool disk_limit_parse(const char *text, bool *ret_iops, uint64_t *ret_value);
bool disk_limits_any(const cJSON *props);
/* Has the path's file system one block device, and the host the controller? Before it is added and before each start. */
int disk_limits_check(const cJSON *props, const char *path, struct error *err);
/* Lines for what lies at that path of the host. */
int disk_limits_render(struct render *r, const cJSON *props, const char *path, struct error *err);
/* Writes what differs into the running container's cgroup; either props may be NULL. */
int disk_limits_live(const struct live_change *change, const cJSON *old_props, const cJSON *new_props, struct error *err);

#endif
