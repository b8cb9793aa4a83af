/* SPDX-License-Identifier: MIT */
/*
 * The tree of an instance out of a backup's archive. The operation's args hold "archive": {"path", "manifest": the
 * stream has a second pass, "manifest_name", "bytes": of the stream, for the progress, 0 if not known}.
 *
 * Of an archive in LXD's format (backup/export.h) it holds {"path", "lxd": true, "shift": "HOST:INSIDE:SIZE" or absent,
 * "snapshots": [berth.json's with their "name" and "shift"], "streams": true where it was made with --optimized-storage: then
 * the pool must be of the driver btrfs}.
 */
#ifndef BERTH_INSTANCE_ARCHIVE_H
#define BERTH_INSTANCE_ARCHIVE_H

#include "instance/work.h"

bool archive_is(const struct work *w);
/* Makes rootfs in the folder of spec, whose driver must be "dir", and unpacks into it. WAITs. */
enum op_result archive_tree(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err);

/* After it, of LXD's: metadata, templates, and the snapshots. WAITs. */
enum op_result archive_rest(struct op *op, struct work *w, struct error *err);

/* create.c: as instance_create(), of an archive (taken), whose "volatile" may hold volatile.* keys to begin with. */
struct op *instance_create_archive(struct berthd *b, const cJSON *request, cJSON *archive_taken, struct error *err);

#endif
