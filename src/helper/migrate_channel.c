/* SPDX-License-Identifier: MIT */
#include "helper/migrate_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OP_CONTINUE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10, CONTROL_MAX = 125 };

static ssize_t recv_cb(uint8_t *buf, size_t len, int flags, void *data)
{
	struct channel *c = data;
	ssize_t n;

	do
		n = read(c->fd, buf, len);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ECONNRESET;
	return n > 0 ? n : -1;
}

static ssize_t send_cb(const uint8_t *buf, size_t len, int flags, void *data)
{
	struct channel *c = data;
	ssize_t n;

	do
		n = send(c->fd, buf, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

static int mask_cb(uint8_t *buf, size_t len, void *data)
{
	return getrandom(buf, len, 0) == (ssize_t)len ? 0 : -1;
}

void channel_open(struct channel *c, int fd, bool client)
{
	static const struct wslay_frame_callbacks callbacks = { .recv_callback = recv_cb, .send_callback = send_cb,
								.genmask_callback = mask_cb };

	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->client = client;
	strbuf_init(&c->control);
	strbuf_init(&c->pong);
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || wslay_frame_context_init(&c->wslay, &callbacks, c) != 0)
		abort(); /* no socket, or out of memory */
}

void channel_close(struct channel *c)
{
	static const unsigned char normal[2] = { 1000 >> 8, 1000 & 0xff };

	if (c->wslay == NULL)
		return;
	if (!c->broken && !c->sending) {
		c->out = (struct wslay_frame_iocb){ .fin = 1, .opcode = OP_CLOSE, .mask = c->client, .payload_length = 2,
						    .data = normal, .data_length = 2 };
		(void)wslay_frame_send(c->wslay, &c->out);
	}
	close(c->fd);
	wslay_frame_context_free(c->wslay);
	c->wslay = NULL;
	strbuf_clear(&c->control);
	strbuf_clear(&c->pong);
}

/* ---- out */

void channel_begin(struct channel *c, bool text, const void *data, size_t len)
{
	c->out = (struct wslay_frame_iocb){ .fin = 1, .opcode = text ? OP_TEXT : OP_BINARY, .mask = c->client,
					    .payload_length = len, .data = data, .data_length = len };
	c->sending = true;
}

static void begin_pong(struct channel *c)
{
	c->owes_pong = false;
	c->out = (struct wslay_frame_iocb){ .fin = 1, .opcode = OP_PONG, .mask = c->client, .payload_length = c->pong.len,
					    .data = (const uint8_t *)c->pong.buf, .data_length = c->pong.len };
	c->sending = true;
}

/* The message that is begun; then what a ping is owed. */
static int push_one(struct channel *c)
{
	ssize_t n;

	do {
		n = wslay_frame_send(c->wslay, &c->out);
		if (n == WSLAY_ERR_WANT_WRITE && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0) {
			c->broken = true;
			return -1;
		}
		c->out.data += n;
		c->out.data_length -= (size_t)n;
	} while (c->out.data_length > 0);
	c->sending = false;
	return 1;
}

int channel_push(struct channel *c)
{
	int rc = 1;

	while (rc == 1 && (c->sending || c->owes_pong)) {
		if (c->broken)
			return -1;
		if (!c->sending)
			begin_pong(c);
		rc = push_one(c);
	}
	return rc;
}

/* ---- in */

static int refuse(struct channel *c)
{
	c->broken = true;
	return -1;
}

static int begin_frame(struct channel *c, const struct wslay_frame_iocb *in)
{
	bool control = in->opcode >= OP_CLOSE;

	if (in->rsv != 0 || (in->mask != 0) == c->client || (control && (in->payload_length > CONTROL_MAX || !in->fin)))
		return refuse(c);
	if (!control && (in->opcode == OP_CONTINUE) != c->in_message)
		return refuse(c);
	if (in->opcode > OP_PONG || (in->opcode > OP_BINARY && !control))
		return refuse(c);
	c->in_frame = true;
	c->frame_left = in->payload_length;
	c->opcode = in->opcode;
	if (control)
		strbuf_reset(&c->control);
	else if (in->opcode != OP_CONTINUE)
		c->in_text = in->opcode == OP_TEXT;
	return 0;
}

/* 1: go on with the next frame; else what channel_pull() returns. */
static int end_control(struct channel *c)
{
	if (c->opcode == OP_CLOSE)
		return refuse(c);
	if (c->opcode == OP_PING && !c->owes_pong && !(c->sending && c->out.opcode == OP_PONG)) {
		strbuf_reset(&c->pong);
		strbuf_add(&c->pong, c->control.buf, c->control.len);
		c->owes_pong = true;
	}
	return 1;
}

int channel_pull(struct channel *c, struct channel_piece *ret)
{
	struct wslay_frame_iocb in = { 0 };
	ssize_t n;

	while (!c->broken) {
		n = wslay_frame_recv(c->wslay, &in);
		if (n == WSLAY_ERR_WANT_READ && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0 || (!c->in_frame && begin_frame(c, &in) < 0) || (uint64_t)n > c->frame_left)
			return refuse(c);
		c->frame_left -= (uint64_t)n;
		c->in_frame = c->frame_left > 0;
		if (c->opcode >= OP_CLOSE) {
			strbuf_add(&c->control, in.data, (size_t)n);
			if (!c->in_frame && end_control(c) < 0)
				return -1;
			continue;
		}
		*ret = (struct channel_piece){ .text = c->in_text, .end = !c->in_frame && in.fin, .data = in.data, .len = (size_t)n };
		c->in_message = !ret->end;
		return 1;
	}
	return -1;
}

/* ---- waiting */

static int wait_for(const struct channel *c, short events, int timeout_ms, struct error *err)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : error_set(err, ERROR_TIMEOUT, "the other server says nothing any more");
}

static int gone(struct error *err)
{
	return error_set(err, ERROR_TOOL, "the other server has closed the connection");
}

static int flush(struct channel *c, int timeout_ms, struct error *err)
{
	int rc;

	while ((rc = channel_push(c)) == 0)
		if (wait_for(c, POLLOUT, timeout_ms, err) < 0)
			return -1;
	return rc < 0 ? gone(err) : 0;
}

int channel_send(struct channel *c, bool text, const void *data, size_t len, int timeout_ms, struct error *err)
{
	channel_begin(c, text, data, len);
	return flush(c, timeout_ms, err);
}

static int receive(struct channel *c, bool stream, size_t max, struct strbuf *out, int timeout_ms, struct error *err)
{
	struct channel_piece piece;
	int rc;

	for (;;) {
		rc = channel_pull(c, &piece);
		if (rc < 0)
			return gone(err);
		if (flush(c, timeout_ms, err) < 0 || (rc == 0 && wait_for(c, POLLIN, timeout_ms, err) < 0))
			return -1;
		if (rc == 0)
			continue;
		if (piece.text && !stream)
			return error_set(err, ERROR_INVALID, "the other server sent text where a message was due");
		if (piece.text && piece.end)
			return 0;
		if (piece.text)
			continue;
		if (out->len + piece.len > max)
			return error_set(err, ERROR_TOO_LARGE, "the other server's message is longer than %zu bytes", max);
		strbuf_add(out, piece.data, piece.len);
		if (piece.end && !stream)
			return 0;
	}
}

int channel_receive(struct channel *c, size_t max, struct strbuf *out, int timeout_ms, struct error *err)
{
	return receive(c, false, max, out, timeout_ms, err);
}

int channel_receive_stream(struct channel *c, size_t max, struct strbuf *out, int timeout_ms, struct error *err)
{
	return receive(c, true, max, out, timeout_ms, err);
}
