/* SPDX-License-Identifier: MIT */
/* How much disk an instance's own files take: counted in a thread, for requests about one instance. */
#ifndef BERTH_API_DISK_USAGE_H
#define BERTH_API_DISK_USAGE_H

#include <cjson/cJSON.h>

#include "api/router.h"
#include "instance/registry.h"

/*
 * Counts, then calls reply(r, inst, disk) with LXD's {"root":{"usage":bytes}} (taken), or an empty object when counting
 * failed or took over 2 s. inst is NULL when it went meanwhile. The request waits; a client that leaves is no harm.
 */
void disk_usage(struct request *r, const struct instance *inst,
		void (*reply)(struct request *r, struct instance *inst, cJSON *disk));

#endif
