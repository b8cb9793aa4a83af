/* SPDX-License-Identifier: MIT */
/*
 * The decompressed bytes of an archive that arrives on a descriptor or lies in
 * memory. The packing is found by its magic: gzip (several members too), xz,
 * zstd, bzip2, lzma, or none. Decoders get at most 256 MiB.
 */
#ifndef BERTH_IMAGE_TAR_SOURCE_H
#define BERTH_IMAGE_TAR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/packing.h"

struct tar_source;

struct tar_source *tar_source_fd(int fd); /* borrowed */
struct tar_source *tar_source_memory(const void *data, size_t len); /* borrowed */
void tar_source_free(struct tar_source *s);

bool tar_source_reads(enum packing p); /* is there a decoder, or is none needed? */
/* Refuses to give more than this many bytes in all (a bomb); 0: no limit. */
void tar_source_limit(struct tar_source *s, uint64_t max);

/* Exactly len bytes, fewer only at the end; -1 and err when the input is damaged or cut off. */
ssize_t tar_source_read(struct tar_source *s, void *buf, size_t len, struct error *err);
/* The next bytes in place, at most max, valid until the next call; *ret_len is 0 at the end. */
int tar_source_chunk(struct tar_source *s, uint64_t max, const void **ret, size_t *ret_len,
		     struct error *err);
uint64_t tar_source_total(const struct tar_source *s); /* bytes given so far */
const char *tar_source_packing(const struct tar_source *s); /* "gzip"; after the first read */

#endif
