/* SPDX-License-Identifier: MIT */
/*
 * One pass over the tar stream of a backup: the tree of a container as the container sees it, with names from its root.
 * Everything is judged as in tar_inspect.h, but what is a container's own is kept: any byte in a name, sparse files of
 * any map, fifos, and device nodes where they are allowed.
 *
 * A backup taken in freeze mode holds two passes. Later entries replace earlier ones, and the last entry, whose raw name
 * is in->list, is a list of all paths ("T PATH\0", T a letter for the type): what it does not name is removed. GNU tar cannot do all that
 * in one run, so the stream that goes out is cut in two where the second pass begins.
 */
#ifndef BERTH_IMAGE_TAR_BACKUP_H
#define BERTH_IMAGE_TAR_BACKUP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/tar_source.h"
#include "image/tar_writer.h"

/* Ids from `host` on, `size` of them, are the container's from `inside` on; others are nobody's. Size 0: as they are. */
struct tar_shift {
	uint64_t host, inside, size;
};

struct tar_backup {
	uint64_t max_bytes;   /* of all files together, holes counted */
	uint64_t max_entries;
	uint64_t max_id;      /* uids and gids above are refused */
	bool devices;         /* device nodes pass; else only the standard ones in /dev are left out, others refused */
	bool second_pass;
	const char *list;     /* raw name of the last entry of a second pass */
	const char *const *only; /* canonical paths: these and what lies below them pass on, all else is only judged; or NULL */
	size_t n_only;
	const char *prefix;   /* canonical; entries elsewhere are passed over, this is taken off the others' names; or NULL */
	struct tar_shift shift; /* of the owners, before max_id is looked at */
	tar_sink sink;
	void *sink_data;
	/* What was handed to the sink so far has been unpacked when it returns 0; the next bytes begin a stream of their own. */
	int (*next_stream)(void *data, struct error *err);
	int (*remove)(void *data, const char *path, struct error *err); /* whole, of what an earlier stream made */
	void (*progress)(void *data, uint64_t bytes); /* read so far; may be NULL */
	void *data;
};

/*
 * {"entries":N,"bytes":N,"dropped":N,"needs":["path"]}; needs: files outside `only` that hard links within it are links
 * to. NULL and err when refused: what was unpacked by then must be thrown away.
 */
cJSON *tar_backup(struct tar_source *source, const struct tar_backup *in, struct error *err);

#endif
