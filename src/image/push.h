/* SPDX-License-Identifier: MIT */
/* An image goes to another server, by a child of its own (berth-fetch) that is nobody and checks who it talks to. */
#ifndef BERTH_IMAGE_PUSH_H
#define BERTH_IMAGE_PUSH_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * target is LXD's ImageExportPost: {"target": "https://…", "secret", "certificate" (PEM; the server must have this one's
 * key), "project", "profiles": [names] or null}, and how to get there: "proxy_https", "proxy_ignore". Its "aliases" are
 * those of the image here: the client makes those that it wants. The operation ends when the image is there, or with what
 * the server says of it.
 */
struct op *image_push(struct berthd *b, const char *fingerprint, const cJSON *target, struct error *err);

#endif
