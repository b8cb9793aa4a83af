/* SPDX-License-Identifier: MIT */
/*
 * Containers that other tools made: they have an LXC config and no berth.json.
 * They are shown, started and stopped as they are; nothing of theirs is rewritten.
 */
#ifndef BERTH_INSTANCE_ADOPT_H
#define BERTH_INSTANCE_ADOPT_H

#include <cjson/cJSON.h>

#include "base/error.h"

/* What can be said of the container in dir: same shape as berth.json, "driver": "foreign". */
cJSON *adopt_describe(const char *dir, struct error *err);
/* The shape with nothing in it, for folders that cannot be understood. */
cJSON *adopt_empty(void);

#endif
