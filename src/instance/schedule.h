/* SPDX-License-Identifier: MIT */
/* Configuration keys that hold a schedule (base/cron.h): snapshots.schedule, backups.schedule. */
#ifndef BERTH_INSTANCE_SCHEDULE_H
#define BERTH_INSTANCE_SCHEDULE_H

#include <stdbool.h>
#include <time.h>

#include "instance/registry.h"

/*
 * Does the instance's (or its profiles') schedule name this minute? @daily and the like are spread over their period by
 * the instance's name. Unset: false; one that cannot be read is warned about.
 */
bool schedule_is_due(const struct berthd *b, const struct instance *inst, const char *key, const struct tm *now);

#endif
