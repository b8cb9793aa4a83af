/* SPDX-License-Identifier: MIT */
/* GET /1.0/resources: what the host has, read from /proc and /sys, in LXD's shape (resources_v2). */
#ifndef BERTH_API_RESOURCES_H
#define BERTH_API_RESOURCES_H

#include <cjson/cJSON.h>

cJSON *resources_json(void);

#endif
