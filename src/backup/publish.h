/* SPDX-License-Identifier: MIT */
/* An instance or a snapshot becomes an image (LXD: lxc publish). */
#ifndef BERTH_BACKUP_PUBLISH_H
#define BERTH_BACKUP_PUBLISH_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * request is LXD's ImagesPost with a source of type "instance", "container" or "snapshot" (name "c1" or "c1/s1").
 * compression_algorithm: see backup/compressor.h. Properties, if any, are the image's only ones; else it has those that the
 * instance's image had. The instance must be stopped. The operation's args have "fingerprint" in the end and, as those
 * of an import, "options"; its metadata is that of an import: {"fingerprint","size"}. What it packs lies in a folder that the next start
 * removes, until an operation of its own imports it.
 */
struct op *publish(struct berthd *b, const cJSON *request, struct error *err);

#endif
