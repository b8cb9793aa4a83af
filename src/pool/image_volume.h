/* SPDX-License-Identifier: MIT */
/*
 * Images in pools of the driver btrfs: POOL/images/FINGERPRINT, a read-only subvolume with the image's tree, of which
 * instances are made as snapshots. It comes by itself with the first instance of that image in the pool, is whole as soon
 * as it is there, and goes with the image, with the pool, or when it is deleted by name. Nothing needs it to stay.
 */
#ifndef BERTH_POOL_IMAGE_VOLUME_H
#define BERTH_POOL_IMAGE_VOLUME_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

char *image_volume_path(const struct berthd *b, const char *pool, const char *fingerprint); /* NULL: no pool of that kind */
bool image_volume_exists(const struct berthd *b, const char *pool, const char *fingerprint);
cJSON *image_volume_list(const struct berthd *b, const char *pool); /* new: [fingerprints], sorted */
/* LXD's object; NULL: "Storage pool volume not found", "Storage pool not found" */
cJSON *image_volume_get(const struct berthd *b, const char *pool, const char *fingerprint, struct error *err);
struct op *image_volume_delete(struct berthd *b, const char *pool, const char *fingerprint, struct error *err);

/* For threads. */
/* `tree`, an image's as it came from the store, is kept at `volume`; one that is there already is as good. */
int image_volume_keep(const char *tree, const char *volume, struct error *err);
int image_volume_clear(const char *pool_path, struct error *err); /* all of a pool, and the folder they lie in */

/* Those of images that the store has not go, in a thread: what was missed when the image went. */
void image_volume_sweep(struct berthd *b);
/* Tells the store of images what else is to go with one. */
void image_volume_open(struct berthd *b);
void image_volume_register(struct op_queue *q);

#endif
