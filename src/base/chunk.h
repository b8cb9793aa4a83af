/* SPDX-License-Identifier: MIT */
/*
 * A stream whose end can be told from a writer that died: chunks of a length (four bytes, the lowest first) and so many
 * bytes; a chunk of none is the end.
 */
#ifndef BERTH_BASE_CHUNK_H
#define BERTH_BASE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

enum { CHUNK_HEAD = 4, CHUNK_MAX = 64 * 1024 };

static inline void chunk_head(unsigned char out[CHUNK_HEAD], uint32_t len)
{
	for (int i = 0; i < CHUNK_HEAD; i++)
		out[i] = (unsigned char)(len >> (8 * i));
}

static inline uint32_t chunk_len(const unsigned char head[CHUNK_HEAD])
{
	return (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
}

#endif
