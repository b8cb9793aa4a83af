/* SPDX-License-Identifier: MIT */
#include "helper/stream_read.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAGIC "btrfs-stream" /* with its NUL */
#define CRC32C 0x82f63b78u
#define NSEC 1000000000u

enum { HEAD = 10, ATTRIBUTE_HEAD = 4, COMMAND_MAX = 128 * 1024, TIME_LEN = 12, CRC_AT = 6 };

enum attribute {
	A_UUID = 1, A_CTRANSID, A_INO, A_SIZE, A_MODE, A_UID, A_GID, A_RDEV, A_CTIME, A_MTIME, A_ATIME, A_OTIME, A_XATTR_NAME,
	A_XATTR_DATA, A_PATH, A_PATH_TO, A_PATH_LINK, A_FILE_OFFSET, A_DATA, A_CLONE_UUID, A_CLONE_CTRANSID, A_CLONE_PATH,
	A_CLONE_OFFSET, A_CLONE_LEN, ATTRIBUTES
};

#define BIT(a) (1u << (a))

static const uint32_t needed[STREAM_KINDS] = {
	[STREAM_SUBVOL] = BIT(A_UUID),
	[STREAM_SNAPSHOT] = BIT(A_UUID) | BIT(A_CLONE_UUID),
	[STREAM_MKFILE] = BIT(A_PATH),
	[STREAM_MKDIR] = BIT(A_PATH),
	[STREAM_MKNOD] = BIT(A_PATH) | BIT(A_MODE) | BIT(A_RDEV),
	[STREAM_MKFIFO] = BIT(A_PATH),
	[STREAM_MKSOCK] = BIT(A_PATH),
	[STREAM_SYMLINK] = BIT(A_PATH) | BIT(A_PATH_LINK),
	[STREAM_RENAME] = BIT(A_PATH) | BIT(A_PATH_TO),
	[STREAM_LINK] = BIT(A_PATH) | BIT(A_PATH_LINK),
	[STREAM_UNLINK] = BIT(A_PATH),
	[STREAM_RMDIR] = BIT(A_PATH),
	[STREAM_SET_XATTR] = BIT(A_PATH) | BIT(A_XATTR_NAME) | BIT(A_XATTR_DATA),
	[STREAM_REMOVE_XATTR] = BIT(A_PATH) | BIT(A_XATTR_NAME),
	[STREAM_WRITE] = BIT(A_PATH) | BIT(A_FILE_OFFSET) | BIT(A_DATA),
	[STREAM_CLONE] = BIT(A_PATH) | BIT(A_FILE_OFFSET) | BIT(A_CLONE_UUID) | BIT(A_CLONE_PATH) | BIT(A_CLONE_OFFSET) |
			 BIT(A_CLONE_LEN),
	[STREAM_TRUNCATE] = BIT(A_PATH) | BIT(A_SIZE),
	[STREAM_CHMOD] = BIT(A_PATH) | BIT(A_MODE),
	[STREAM_CHOWN] = BIT(A_PATH) | BIT(A_UID) | BIT(A_GID),
	[STREAM_UTIMES] = BIT(A_PATH) | BIT(A_ATIME) | BIT(A_MTIME),
};

struct stream {
	stream_source source;
	void *data;
	bool begun, ended;
	uint32_t table[256];
	uint8_t buf[COMMAND_MAX];
};

struct stream *stream_new(stream_source source, void *data)
{
	struct stream *s = mem_alloc(sizeof(*s));

	s->source = source;
	s->data = data;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? CRC32C : 0);
		s->table[i] = crc;
	}
	return s;
}

void stream_free(struct stream *s)
{
	free(s);
}

static int damaged(const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID, "the stream is damaged: %s", why);
}

/* Without the inversions of the usual crc32c, from 0. */
static uint32_t sum(const struct stream *s, uint32_t crc, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		crc = s->table[(crc ^ p[i]) & 0xff] ^ crc >> 8;
	return crc;
}

/* All of it: 1; nothing: 0. */
static int fill(struct stream *s, uint8_t *to, size_t len, struct error *err)
{
	size_t have = 0;

	while (have < len) {
		long n = s->source(s->data, to + have, len - have, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return have == 0 ? 0 : damaged("it is cut off", err);
		have += (size_t)n;
	}
	return 1;
}

static uint16_t u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* ---- attributes */

static int take_text(char *to, size_t size, const uint8_t *p, size_t len, struct error *err)
{
	if (len >= size || memchr(p, 0, len) != NULL)
		return damaged("a name is too long, or holds a NUL", err);
	memcpy(to, p, len);
	to[len] = '\0';
	return 0;
}

static int take_number(uint64_t *to, const uint8_t *p, size_t len, struct error *err)
{
	if (len != sizeof(*to))
		return damaged("a number is none", err);
	*to = u64(p);
	return 0;
}

static int take_uuid(uint8_t *to, const uint8_t *p, size_t len, struct error *err)
{
	if (len != STREAM_UUID)
		return damaged("a UUID is none", err);
	memcpy(to, p, len);
	return 0;
}

static int take_time(struct timespec *to, const uint8_t *p, size_t len, struct error *err)
{
	if (len != TIME_LEN || u32(p + 8) >= NSEC)
		return damaged("a time is none", err);
	to->tv_sec = (time_t)(int64_t)u64(p);
	to->tv_nsec = u32(p + 8);
	return 0;
}

static int take(struct stream_command *c, enum attribute a, const uint8_t *p, size_t len, struct error *err)
{
	switch (a) {
	case A_UUID: return take_uuid(c->uuid, p, len, err);
	case A_CLONE_UUID: return take_uuid(c->clone_uuid, p, len, err);
	case A_SIZE: return take_number(&c->size, p, len, err);
	case A_MODE: return take_number(&c->mode, p, len, err);
	case A_UID: return take_number(&c->uid, p, len, err);
	case A_GID: return take_number(&c->gid, p, len, err);
	case A_RDEV: return take_number(&c->rdev, p, len, err);
	case A_FILE_OFFSET: return take_number(&c->offset, p, len, err);
	case A_CLONE_OFFSET: return take_number(&c->clone_offset, p, len, err);
	case A_CLONE_LEN: return take_number(&c->clone_len, p, len, err);
	case A_ATIME: return take_time(&c->atime, p, len, err);
	case A_MTIME: return take_time(&c->mtime, p, len, err);
	case A_XATTR_NAME: return take_text(c->xattr, sizeof(c->xattr), p, len, err);
	case A_PATH: return take_text(c->path, sizeof(c->path), p, len, err);
	case A_PATH_TO:
	case A_PATH_LINK:
	case A_CLONE_PATH: return take_text(c->other, sizeof(c->other), p, len, err);
	case A_XATTR_DATA:
	case A_DATA:
		c->data = p;
		c->len = len;
		return 0;
	default: return 0; /* inode numbers, transactions, times that nobody can set */
	}
}

static int take_all(struct stream *s, size_t len, struct stream_command *c, struct error *err)
{
	uint32_t seen = 0;

	for (size_t at = 0; at < len;) {
		uint16_t a, size;

		if (len - at < ATTRIBUTE_HEAD)
			return damaged("an attribute is cut off", err);
		a = u16(s->buf + at);
		size = u16(s->buf + at + 2);
		at += ATTRIBUTE_HEAD;
		if (size > len - at || a == 0 || a >= ATTRIBUTES || (seen & BIT(a)) != 0)
			return damaged("an attribute is unknown, there twice, or too long", err);
		if (take(c, a, s->buf + at, size, err) < 0)
			return -1;
		seen |= BIT(a);
		at += size;
	}
	return (needed[c->kind] & ~seen) == 0 ? 0 : damaged("a command lacks what it needs", err);
}

/* ---- commands */

static int begin(struct stream *s, struct error *err)
{
	uint8_t head[sizeof(MAGIC) + 4];

	if (fill(s, head, sizeof(head), err) <= 0 || memcmp(head, MAGIC, sizeof(MAGIC)) != 0)
		return err->code != ERROR_NONE ? -1 : error_set(err, ERROR_INVALID, "this is no stream of btrfs");
	if (u32(head + sizeof(MAGIC)) != 1)
		return error_set(err, ERROR_UNSUPPORTED, "the stream of btrfs is of version %u: only 1 is understood",
				 u32(head + sizeof(MAGIC)));
	s->begun = true;
	return 0;
}

static int end(struct stream *s, struct error *err)
{
	uint8_t more;
	int rc = fill(s, &more, 1, err);

	s->ended = rc == 0;
	return rc <= 0 ? rc : damaged("it goes on after its end", err);
}

int stream_next(struct stream *s, struct stream_command *ret, struct error *err)
{
	uint8_t head[HEAD];
	uint32_t len, crc;
	int rc;

	if (s->ended)
		return 0;
	if (!s->begun && begin(s, err) < 0)
		return -1;
	rc = fill(s, head, HEAD, err);
	if (rc <= 0)
		return rc < 0 ? -1 : damaged("it has no end", err);
	memset(ret, 0, sizeof(*ret));
	len = u32(head);
	crc = u32(head + CRC_AT);
	memset(head + CRC_AT, 0, sizeof(crc));
	if (len > COMMAND_MAX || u16(head + 4) == 0 || u16(head + 4) >= STREAM_KINDS)
		return damaged("a command is unknown, or too long", err);
	ret->kind = u16(head + 4);
	rc = len > 0 ? fill(s, s->buf, len, err) : 1;
	if (rc <= 0)
		return rc < 0 ? -1 : damaged("it is cut off", err);
	if (sum(s, sum(s, 0, head, HEAD), s->buf, len) != crc)
		return damaged("a checksum is wrong", err);
	if (ret->kind == STREAM_END)
		return end(s, err);
	return take_all(s, len, ret, err) < 0 ? -1 : 1;
}
