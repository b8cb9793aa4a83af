/* SPDX-License-Identifier: MIT */
/* What a send stream of btrfs (stream_read.h) says, done to a tree: every path is a plain one below it, and no link is followed. */
#ifndef BERTH_HELPER_STREAM_APPLY_H
#define BERTH_HELPER_STREAM_APPLY_H

#include <stdint.h>

#include "base/error.h"
#include "helper/stream_read.h"
#include "image/tar_backup.h"

struct stream_target {
	int tree;                    /* a folder that nobody else changes: empty, or as the stream before left it */
	int parent;                  /* as that was, for clones; -1: there was none */
	uint8_t uuid[STREAM_UUID];   /* of the stream before; this one's when all is done */
	uint64_t max_bytes;          /* of data, in all */
	uint64_t max_entries;        /* that are made */
	uint64_t max_id;             /* uids and gids above are refused */
	struct tar_shift shift;      /* of owners, ACLs and file capabilities, before max_id is looked at */
};

/* ERROR_INVALID, ERROR_TOO_LARGE: what it says cannot be done, and the tree is to be thrown away. */
int stream_apply(struct stream *s, struct stream_target *t, struct error *err);

#endif
