/* SPDX-License-Identifier: MIT */
/*
 * Trees out of archives that were made with --optimized-storage: send streams of btrfs, one after the other, each a change
 * of the one before. They are done in a folder of their own, on a btrfs:
 *
 *	tree    a subvolume: what the streams so far have made
 *	parent  a read-only snapshot: tree as it was before the last stream
 *	last    the UUID of that one
 *
 * and what a stream has made is taken elsewhere, as a snapshot.
 */
#ifndef BERTH_HELPER_STREAM_TREE_H
#define BERTH_HELPER_STREAM_TREE_H

#include <sys/types.h>

#include "base/error.h"
#include "helper/restore_options.h"

/* Before a stream: makes tree, and parent if there was a stream before. */
int stream_prepare(const struct restore_options *o, struct error *err);
/* In the child: in a jail (migrate_jail.h) it does what the stream on `in` says; what is wrong goes to errs. */
_Noreturn void stream_become(const struct restore_options *o, int in, int errs, pid_t parent);
/* After it: o->keep becomes a snapshot of tree. */
int stream_keep(const struct restore_options *o, struct error *err);

#endif
