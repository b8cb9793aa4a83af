/* SPDX-License-Identifier: MIT */
/* What the operations on pools share (pool_change.c), and what can be wrong with one before anything is made (pool_check.c). */
#ifndef BERTH_POOL_POOL_WORK_H
#define BERTH_POOL_POOL_WORK_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"

/* args {"name", "pool": the object, "made_folder", "made_image": by this operation} */
struct pool_work {
	struct berthd *b;
	cJSON *args;
	cJSON *pool; /* of args */
	const char *name, *driver;
	char *path;
};

/* "source" of its config; "" for none (yet). */
const char *pool_work_source(const struct pool_work *w);
/*
 * Of a pool that is to be made: is its source fit, and nobody else's? Gives its config what was not said: source, size and
 * volatile.initial_source; args "given": the source was; "mounts": it is to be mounted. ERROR_INVALID, ERROR_CONFLICT.
 */
int pool_check_create(struct pool_work *w, struct error *err);
/* Is there such a driver, and can it be had here? ERROR_INVALID; ERROR_TOOL, as LXD, for one it does not know. */
int pool_check_driver(const struct berthd *b, const char *driver, struct error *err);

#endif
