/* SPDX-License-Identifier: MIT */
/*
 * One pass over an image archive: every entry is judged before it is passed on
 * as a normalised tar stream whose names all begin with "rootfs", "templates"
 * or "metadata.yaml". Layouts: a tree at the root, or LXD's (rootfs/,
 * metadata.yaml, templates/), told apart by what comes first.
 */
#ifndef BERTH_IMAGE_TAR_INSPECT_H
#define BERTH_IMAGE_TAR_INSPECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/tar_source.h"
#include "image/tar_writer.h"

enum tar_part {
	TAR_PART_WHOLE,
	TAR_PART_METADATA, /* of a split image: metadata.yaml and templates/ only */
	TAR_PART_ROOTFS,   /* of a split image: a tree at the root */
};

struct tar_inspect {
	enum tar_part part;
	uint64_t max_bytes;   /* of all files together, holes counted */
	uint64_t max_entries;
	uint64_t max_id;      /* uids and gids above are refused */
};

/*
 * {"layout":"rootfs"|"root"|"lxd","packing":"gzip","entries":N,"bytes":N,"dropped":N (device nodes but
 * whiteouts, sockets, links to these, foreign files),"architecture":"x86_64","os_release":{},"metadata":{},"has_templates":b}; architecture,
 * os_release and metadata only when found. NULL and err when the archive was refused: what the sink got by
 * then must be thrown away.
 */
cJSON *tar_inspect(struct tar_source *source, const struct tar_inspect *in, tar_sink sink, void *sink_data,
		   struct error *err);

/* How an overlay in the tree (Docker's) says that a file is gone. There is no such device. */
bool tar_is_whiteout(const struct tar_entry *e);
/* "dev/null": one of the nodes that LXC makes itself in every container. */
bool tar_known_device(const char *path);

#endif
