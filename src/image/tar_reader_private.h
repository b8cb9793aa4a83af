/* SPDX-License-Identifier: MIT */
/* The insides of the reader of tar archives, shared by tar_reader.c (blocks, headers, data) and tar_entry.c. */
#ifndef BERTH_IMAGE_TAR_READER_PRIVATE_H
#define BERTH_IMAGE_TAR_READER_PRIVATE_H

#include <libtar.h>
#include <stdbool.h>

#include "base/strbuf.h"
#include "image/tar_reader.h"

enum { TAR_LONG_NAME_MAX = 4096 };

struct tar_reader {
	struct tar_source *source;
	TAR *tar;
	struct tar_pax global, pax;
	struct strbuf name, link, data;
	uint64_t left;    /* data of the entry not given yet */
	unsigned padding; /* after it, to the next block */
	unsigned long_blocks; /* of a long name that libtar is reading */
	unsigned zeros;   /* zero blocks in a row before this header */
	unsigned globals;
	bool first, hit_end, failed;
	struct error error; /* of block_read, when failed */
};

/* tar_entry.c: what the header just read, with the extended ones before it, says of an entry: 1, or -1. */
int tar_entry_take(struct tar_reader *r, struct tar_entry *e, struct error *err);

#endif
