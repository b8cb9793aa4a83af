/* SPDX-License-Identifier: MIT */
/* A reply whose body is texts and files, one after the other: read as the client takes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/http_private.h"
#include "base/mem.h"

enum { BLOCK = 32 * 1024 };

struct body {
	struct reply_part parts[REPLY_PARTS_MAX];
	size_t n;
};

static ssize_t read_part(const struct reply_part *p, uint64_t at, char *buf, size_t max)
{
	size_t len = p->size - at < max ? (size_t)(p->size - at) : max;
	ssize_t n;

	if (p->text) {
		memcpy(buf, p->text + at, len);
		return (ssize_t)len;
	}
	do
		n = pread(p->fd, buf, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR; /* it became shorter */
}

static ssize_t read_cb(void *cls, uint64_t pos, char *buf, size_t max)
{
	const struct body *b = cls;

	for (size_t i = 0; i < b->n; i++) {
		if (pos < b->parts[i].size)
			return read_part(&b->parts[i], pos, buf, max);
		pos -= b->parts[i].size;
	}
	return MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_cb(void *cls)
{
	struct body *b = cls;

	reply_parts_clear(b->parts, b->n);
	free(b);
}

struct MHD_Response *http_parts_response(struct reply *reply)
{
	struct body *b = mem_alloc(sizeof(*b));
	struct MHD_Response *m;
	uint64_t size = 0;

	memcpy(b->parts, reply->parts, sizeof(b->parts));
	b->n = reply->n_parts;
	for (size_t i = 0; i < b->n; i++)
		size += b->parts[i].size;
	m = MHD_create_response_from_callback(size, BLOCK, read_cb, b, free_cb);
	if (m)
		reply->n_parts = 0;
	else
		free(b);
	return m;
}
