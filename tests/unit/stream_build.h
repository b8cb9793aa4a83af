/* SPDX-License-Identifier: MIT */
/* Send streams of btrfs, made in memory. */
#ifndef BERTH_TESTS_STREAM_BUILD_H
#define BERTH_TESTS_STREAM_BUILD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"
#include "helper/stream_read.h"

struct built {
	struct strbuf all;
	size_t command; /* where the last one begins */
	size_t at;      /* read so far */
};

static inline uint32_t built_crc(const uint8_t *p, size_t len)
{
	uint32_t crc = 0;

	while (len-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
	}
	return crc;
}

/* Length and checksum of the last command. */
static inline void built_seal(struct built *b)
{
	uint8_t *p = (uint8_t *)b->all.buf + b->command;
	uint32_t len = htole32((uint32_t)(b->all.len - b->command - 10)), crc = 0;

	memcpy(p, &len, 4);
	memcpy(p + 6, &crc, 4);
	crc = htole32(built_crc(p, b->all.len - b->command));
	memcpy(p + 6, &crc, 4);
}

static inline void built_begin(struct built *b)
{
	const uint32_t version = htole32(1);

	strbuf_init(&b->all);
	b->at = 0;
	strbuf_add(&b->all, "btrfs-stream", 13);
	strbuf_add(&b->all, &version, 4);
}

static inline void built_command(struct built *b, enum stream_kind kind)
{
	const uint16_t k = htole16(kind);

	b->command = b->all.len;
	strbuf_add(&b->all, "\0\0\0", 4);
	strbuf_add(&b->all, &k, 2);
	strbuf_add(&b->all, "\0\0\0", 4);
	built_seal(b);
}

static inline void built_bytes(struct built *b, int attribute, const void *p, size_t len)
{
	const uint16_t head[2] = { htole16((uint16_t)attribute), htole16((uint16_t)len) };

	strbuf_add(&b->all, head, 4);
	strbuf_add(&b->all, p, len);
	built_seal(b);
}

static inline void built_text(struct built *b, int attribute, const char *text)
{
	built_bytes(b, attribute, text, strlen(text));
}

static inline void built_number(struct built *b, int attribute, uint64_t v)
{
	v = htole64(v);
	built_bytes(b, attribute, &v, 8);
}

enum { B_UUID = 1, B_SIZE = 4, B_MODE = 5, B_UID = 6, B_GID = 7, B_RDEV = 8, B_MTIME = 10, B_ATIME = 11, B_XATTR = 13, B_XATTR_DATA = 14,
       B_PATH = 15, B_TO = 16, B_LINK = 17, B_OFFSET = 18, B_DATA = 19, B_CLONE_UUID = 20, B_CLONE_PATH = 22, B_CLONE_OFFSET = 23,
       B_CLONE_LEN = 24 };

#define BUILT_A "aaaaaaaaaaaaaaaa" /* UUIDs */
#define BUILT_B "bbbbbbbbbbbbbbbb"

static inline long built_source(void *data, void *buf, size_t len, struct error *err)
{
	struct built *b = data;

	(void)err;
	if (len > b->all.len - b->at)
		len = b->all.len - b->at;
	memcpy(buf, b->all.buf + b->at, len);
	b->at += len;
	return (long)len;
}

#endif
