/* SPDX-License-Identifier: MIT */
/*
 * An instance of an image that another server has: the image is fetched first (image/download.h) and kept as a cached one,
 * then the instance is made of it.
 */
#ifndef BERTH_INSTANCE_CREATE_REMOTE_H
#define BERTH_INSTANCE_CREATE_REMOTE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/* Is the source of the request one of another server? */
bool create_remote_asked(const cJSON *request);
/* name: checked, or generated. The operation shows the download's progress; its args have the name. */
struct op *create_remote(struct berthd *b, const cJSON *request, const char *name, struct error *err);

#endif
