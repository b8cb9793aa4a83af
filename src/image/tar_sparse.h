/* SPDX-License-Identifier: MIT */
/* The maps of GNU sparse files that are not in pax records. */
#ifndef BERTH_IMAGE_TAR_SPARSE_H
#define BERTH_IMAGE_TAR_SPARSE_H

#include "image/tar_pax.h"
#include "image/tar_source.h"

/* Type 'S': the map in the header and in blocks that follow it, which are read. */
int tar_sparse_old(struct tar_sparse *sp, const char *header, struct tar_source *source, struct error *err);
/* Format 1.0: the map stands before the data; *left is what remains of the entry's data. */
int tar_sparse_in_data(struct tar_sparse *sp, struct tar_source *source, uint64_t *left, struct error *err);
/* Sorted, without overlap, within the real size, and as much as the archive holds. */
int tar_sparse_check(const struct tar_sparse *sp, uint64_t stored, struct error *err);

#endif
