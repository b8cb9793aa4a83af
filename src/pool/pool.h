/* SPDX-License-Identifier: MIT */
/*
 * Storage pools: where instances and custom volumes lie. <state_path>/storage-pools/NAME.json, each LXD's object
 * {"name","driver","description","config"}. "default" is always there, without a file until it is described: instances
 * in system_path, made by the driver that storage_driver chooses, custom volumes in extern_path/_custom. Every other
 * pool is one folder with containers/ and custom/ in it: of the driver dir or overlay, pools_path/NAME or the source
 * that was given; of the driver btrfs, that on a btrfs, or pools_path/NAME with the source mounted there.
 */
#ifndef BERTH_POOL_POOL_H
#define BERTH_POOL_POOL_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

#define POOL_DEFAULT "default"

struct pools;

/* Reads the files and mounts what is to be mounted; a pool that cannot be is there, and its use is refused. */
struct pools *pools_open(struct berthd *b, struct error *err);
void pools_free(struct pools *p); /* nothing is unmounted: instances run on */

const char **pool_names(const struct berthd *b); /* sorted, NULL-terminated; free the array */
const cJSON *pool_get(const struct berthd *b, const char *name); /* borrowed, or NULL */
const cJSON *pool_find(const struct berthd *b, const char *name, struct error *err); /* "Storage pool not found" */
const char *pool_driver(const struct berthd *b, const char *name); /* "dir", "overlay" or "btrfs"; NULL: no such pool */
char *pool_path(const struct berthd *b, const char *name); /* its folder; of the default pool system_path. Caller frees */
char *pool_instances(const struct berthd *b, const char *name); /* the folder of instances' folders; caller frees */
char *pool_volumes(const struct berthd *b, const char *name);   /* of custom volumes; caller frees */
/* There, and mounted if it must be. ERROR_NOT_FOUND; ERROR_UNAVAILABLE, until pool_lost.h finds it again. */
int pool_usable(const struct berthd *b, const char *name, struct error *err);

/*
 * Who uses it: ["/1.0/images/FP", "/1.0/instances/c1", "/1.0/profiles/p", "/1.0/storage-pools/P/volumes/custom/v"] and their snapshots, sorted as LXD does.
 */
cJSON *pool_used_by(struct berthd *b, const char *name);

/* {"name","driver","description","config"}; an operation: making a file system takes a while. */
struct op *pool_create(struct berthd *b, const cJSON *request, struct error *err);
/* "The storage pool is currently in use" (ERROR_INVALID, as LXD). */
struct op *pool_delete(struct berthd *b, const char *name, struct error *err);
/* PUT, or PATCH, of description and config. */
int pool_update(struct berthd *b, const char *name, const cJSON *change, bool patch, struct error *err);

/* Keys and values of a volume, named so in messages, in a pool of that driver. ERROR_INVALID */
int pool_volume_config_check(const char *driver, const char *volume, const cJSON *config, struct error *err);

void pool_register(struct op_queue *q);

#endif
