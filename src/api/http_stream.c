/* SPDX-License-Identifier: MIT */
/*
 * A reply whose body comes in chunks from elsewhere. libmicrohttpd asks for the next bytes when the client took the last
 * ones; when there are none yet, the connection is suspended until there are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/http_private.h"
#include "base/chunk.h"
#include "base/mem.h"

enum { AGAIN = 0, BLOCK = 32 * 1024 };

struct http_stream {
	struct exchange *x; /* NULL: it has gone, or its client */
	struct reply_stream from;
	uv_poll_t poll;
	unsigned char head[CHUNK_HEAD];
	size_t head_len;
	uint32_t left; /* of this chunk */
	const char *text; /* of before or after, what is to be sent of it */
	bool ended;       /* after is the last that is sent */
};

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

/* The response goes, and nobody asks any more. */
static void free_cb(void *cls)
{
	struct http_stream *s = cls;

	if (s->x != NULL)
		s->x->stream = NULL;
	uv_poll_stop(&s->poll);
	s->from.on_end(s->from.data);
	uv_close((uv_handle_t *)&s->poll, closed_cb);
}

void http_stream_stop(struct http_stream *s)
{
	uv_poll_stop(&s->poll);
	s->x->stream = NULL;
	s->x = NULL;
}

static void readable_cb(uv_poll_t *poll, int status, int events)
{
	struct http_stream *s = poll->data;

	uv_poll_stop(poll);
	if (s->x != NULL)
		exchange_resume(s->x, EXCHANGE_DONE);
}

/* Bytes, AGAIN or END_WITH_ERROR. */
static ssize_t read_some(const struct http_stream *s, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(s->from.fd, buf, len);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	return n < 0 && errno == EAGAIN ? AGAIN : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* 1 when the length of the next chunk is known; AGAIN, or how it ends. */
static ssize_t next_chunk(struct http_stream *s)
{
	ssize_t n;

	while (s->head_len < sizeof(s->head)) {
		n = read_some(s, s->head + s->head_len, sizeof(s->head) - s->head_len);
		if (n <= 0)
			return n;
		s->head_len += (size_t)n;
	}
	s->head_len = 0;
	s->left = chunk_len(s->head);
	if (s->left > CHUNK_MAX)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return s->left > 0 ? 1 : MHD_CONTENT_READER_END_OF_STREAM;
}

static ssize_t take_text(struct http_stream *s, char *buf, size_t max)
{
	size_t len = strlen(s->text);

	if (len > max)
		len = max;
	memcpy(buf, s->text, len);
	s->text += len;
	return (ssize_t)len;
}

static bool has_text(const struct http_stream *s)
{
	return s->text != NULL && *s->text != '\0';
}

static ssize_t end_text(struct http_stream *s, char *buf, size_t max)
{
	s->ended = true;
	s->text = s->from.after;
	return has_text(s) ? take_text(s, buf, max) : MHD_CONTENT_READER_END_OF_STREAM;
}

static ssize_t wait_for_more(struct http_stream *s)
{
	if (uv_poll_start(&s->poll, UV_READABLE, readable_cb) != 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	exchange_suspend(s->x, EXCHANGE_STREAM);
	return AGAIN;
}

static ssize_t read_cb(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct http_stream *s = cls;
	ssize_t n;

	if (s->x == NULL)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (has_text(s))
		return take_text(s, buf, max);
	if (s->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	n = s->left > 0 ? 1 : next_chunk(s);
	if (n == MHD_CONTENT_READER_END_OF_STREAM)
		return end_text(s, buf, max);
	if (n > 0)
		n = read_some(s, buf, s->left < max ? s->left : max);
	if (n == AGAIN)
		return wait_for_more(s);
	if (n > 0)
		s->left -= (uint32_t)n;
	return n;
}

struct MHD_Response *http_stream_response(struct exchange *x, struct reply *reply)
{
	struct http_stream *s = mem_alloc(sizeof(*s));
	const uint64_t size = reply->stream.size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)reply->stream.size;
	struct MHD_Response *m;

	s->from = reply->stream;
	s->text = s->from.before;
	if (uv_poll_init(x->http->loop, &s->poll, s->from.fd) != 0) {
		free(s);
		return NULL;
	}
	s->poll.data = s;
	m = MHD_create_response_from_callback(size, BLOCK, read_cb, s, free_cb);
	if (m == NULL) {
		uv_close((uv_handle_t *)&s->poll, closed_cb);
		return NULL;
	}
	reply->stream.on_end = NULL; /* it is ours now */
	s->x = x;
	x->stream = s;
	return m;
}
