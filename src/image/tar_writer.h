/* SPDX-License-Identifier: MIT */
/*
 * Writes a tar stream that GNU tar reads in one way only: ustar headers, long
 * names as GNU's L and K (their bytes are taken as they are), numbers that do
 * not fit in base 256, pax records for the rest. Names must be canonical.
 */
#ifndef BERTH_IMAGE_TAR_WRITER_H
#define BERTH_IMAGE_TAR_WRITER_H

#include "base/error.h"
#include "image/tar_reader.h"

struct tar_writer;

/* Where whole pieces go; -1 with err. */
typedef int (*tar_sink)(void *data, const void *buf, size_t len, struct error *err);
int tar_sink_fd(void *fd_pointer, const void *buf, size_t len,
		struct error *err); /* ERROR_SYSTEM with sys EPIPE when the reader left */

struct tar_writer *tar_writer_new(tar_sink sink, void *sink_data);
void tar_writer_free(struct tar_writer *w); /* drops what was not flushed */
/* entry->name and ->link as they are to be written; then exactly entry->size bytes follow. */
int tar_writer_entry(struct tar_writer *w, const struct tar_entry *e, struct error *err);
int tar_writer_data(struct tar_writer *w, const void *data, size_t len, struct error *err);
int tar_writer_end(struct tar_writer *w, struct error *err); /* the marker; flushes */

#endif
