/* SPDX-License-Identifier: MIT */
/*
 * A send stream of btrfs (version 1, as `btrfs send` writes it), command by command. What is wrong with it is ERROR_INVALID: a checksum,
 * lengths, attributes that a command needs and has not, or has twice; bytes after its end. Nothing is said of what the commands do.
 */
#ifndef BERTH_HELPER_STREAM_READ_H
#define BERTH_HELPER_STREAM_READ_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

enum stream_kind {
	STREAM_SUBVOL = 1, /* the stream makes a tree … */
	STREAM_SNAPSHOT,   /* … or begins with another, clone_uuid */
	STREAM_MKFILE,
	STREAM_MKDIR,
	STREAM_MKNOD,
	STREAM_MKFIFO,
	STREAM_MKSOCK,
	STREAM_SYMLINK,
	STREAM_RENAME,
	STREAM_LINK,
	STREAM_UNLINK,
	STREAM_RMDIR,
	STREAM_SET_XATTR,
	STREAM_REMOVE_XATTR,
	STREAM_WRITE,
	STREAM_CLONE,
	STREAM_TRUNCATE,
	STREAM_CHMOD,
	STREAM_CHOWN,
	STREAM_UTIMES,
	STREAM_END,
	STREAM_UPDATE_EXTENT, /* of a stream without data */
	STREAM_KINDS
};

enum { STREAM_PATH_MAX = 4096, STREAM_UUID = 16 };

/* What the kind needs is there, and the rest zeros and "". Valid until the next command. */
struct stream_command {
	enum stream_kind kind;
	char path[STREAM_PATH_MAX], other[STREAM_PATH_MAX]; /* other: where a rename goes; the text, or the first name, of a link; source of a clone */
	char xattr[256];
	uint8_t uuid[STREAM_UUID], clone_uuid[STREAM_UUID];
	const uint8_t *data; /* of a write, or an xattr */
	size_t len;
	uint64_t offset, size, mode, uid, gid, rdev, clone_offset, clone_len;
	struct timespec atime, mtime;
};

/* Up to len bytes into buf; how many, 0 at the end, or -1 and err. */
typedef long (*stream_source)(void *data, void *buf, size_t len, struct error *err);
struct stream;

struct stream *stream_new(stream_source source, void *data);
void stream_free(struct stream *s);
/* 1: a command; 0: that was all; -1: err. */
int stream_next(struct stream *s, struct stream_command *ret, struct error *err);

#endif
