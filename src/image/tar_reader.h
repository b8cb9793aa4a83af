/* SPDX-License-Identifier: MIT */
/*
 * The entries of a tar archive in order: headers by libtar, what libtar does
 * not know (pax, sparse files, numbers in base 256) read here. Names come as
 * they stand in the archive: tar_tree.h judges them.
 */
#ifndef BERTH_IMAGE_TAR_READER_H
#define BERTH_IMAGE_TAR_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/tar_pax.h"
#include "image/tar_source.h"

enum tar_type { TAR_FILE, TAR_DIR, TAR_SYMLINK, TAR_HARDLINK, TAR_FIFO, TAR_DEVICE, TAR_SOCKET };

/* Borrowed from the reader until its next call. */
struct tar_entry {
	enum tar_type type;
	const char *name; /* never NULL, may be empty */
	const char *link; /* symlink: its text; hard link: the other name; else "" */
	uint32_t mode;    /* 07777 */
	uint64_t uid, gid;
	int64_t mtime;
	uint32_t mtime_ns;
	uint64_t size;    /* bytes of data in the archive (without a sparse map) */
	uint64_t real_size; /* length of the file: more than size when it is sparse */
	const struct tar_sparse *sparse; /* or NULL; sorted, within real_size, its lengths sum up to size */
	const struct strbuf *records;    /* xattrs and ACLs as pax records */
	bool block;       /* of a device node */
	uint32_t dev_major, dev_minor;
};

struct tar_reader;

struct tar_reader *tar_reader_new(struct tar_source *source); /* borrowed */
void tar_reader_free(struct tar_reader *r);
/* Sparse files with so many extents are accepted; SPARSE_MAX unless told. */
void tar_reader_extents(struct tar_reader *r, size_t max);
/* 1: an entry, 0: the end (marker seen, only zeros after it), -1: err. Skips data that was not read. */
int tar_reader_next(struct tar_reader *r, struct tar_entry *ret, struct error *err);
/* The next piece of the entry's data, in place; *ret_len 0 when all was given. */
int tar_reader_data(struct tar_reader *r, const void **ret, size_t *ret_len, struct error *err);

/* A name for messages and reports: control characters and bytes above 0x7e become '?', long ones are cut. */
const char *tar_printable(const char *name, char buf[128]);

#endif
