/* SPDX-License-Identifier: MIT */
/*
 * Where an instance's folder is: system_path/NAME; of one in another storage pool that is a symbolic link, for LXC, to
 * POOL/containers/NAME, and everything of ours goes by the latter. Only links into a pool's folder count.
 */
#ifndef BERTH_INSTANCE_PLACE_H
#define BERTH_INSTANCE_PLACE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"

/* Of one that is there, or is to be in the default pool. As instance_dir(), whose insides this is. Caller frees. */
char *place_dir(const struct berthd *b, const char *name);
char *place_in_pool(const struct berthd *b, const char *pool, const char *name); /* caller frees */
const char *place_pool(const struct berthd *b, const char *dir); /* the pool that dir is a folder of. Borrowed */
/* Is it in a pool that is not there now? ERROR_UNAVAILABLE then. Any name. */
bool place_lost(const struct berthd *b, const char *name, struct error *err);
/* Is there any in such a pool? The registry need not know it, nor what belongs to it. */
bool place_any_lost(const struct berthd *b);
/* Names of those in that pool, by their links: also while it is not there. A new array. */
cJSON *place_linked(const struct berthd *b, const char *pool);
/* The root disk's pool: default for what names none and for the names of drivers. Borrowed. */
const char *place_wanted(const struct berthd *b, const cJSON *expanded_devices);

/* The link for dir, if it needs one; idempotent. */
int place_link(const struct berthd *b, const char *name, const char *dir, struct error *err);
/* Removes the link if it leads to dir; then there may be nothing. For threads, too. */
int place_unlink(const struct berthd *b, const char *name, const char *dir, struct error *err);
/* Folder and link, within the pool; idempotent. */
int place_rename(const struct berthd *b, const char *from, const char *to, struct error *err);

#endif
