/* SPDX-License-Identifier: MIT */
/* Websockets of the client: framing by wslay. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/client_impl.h"

/*
 * The key exists so that no proxy answers from its cache; between two processes on one unix socket
 * the example of RFC 6455, 1.3 serves, and its answer needs no SHA-1.
 */
#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define WS_MESSAGE_MAX (16u << 20)

struct client_ws {
	struct client *c;
	wslay_event_context_ptr ctx;
	bool (*on_text)(const char *text, size_t len, void *data);
	void *data;
	bool done;
	bool hung_up; /* without a close frame */
};

static ssize_t ws_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *data)
{
	struct client_ws *ws = data;
	ssize_t n;

	if (ws->c->in.len > 0) {
		len = len < ws->c->in.len ? len : ws->c->in.len;
		memcpy(buf, ws->c->in.buf, len);
		strbuf_drop_front(&ws->c->in, len);
		return (ssize_t)len;
	}
	do
		n = recv(ws->c->fd, buf, len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n < 0 && errno == EAGAIN) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	ws->hung_up = true;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t ws_send(wslay_event_context_ptr ctx, const uint8_t *buf, size_t len, int flags, void *data)
{
	struct client_ws *ws = data;
	ssize_t n;

	do
		n = send(ws->c->fd, buf, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return n;
}

static int ws_mask(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, void *data)
{
	return getrandom(buf, len, 0) == (ssize_t)len ? 0 : -1;
}

static void ws_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg, void *data)
{
	struct client_ws *ws = data;

	if (arg->opcode == WSLAY_TEXT_FRAME && !ws->done &&
	    !ws->on_text((const char *)arg->msg, arg->msg_length, ws->data))
		ws->done = true;
}

static int ws_handshake(struct client *c, const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf head = STRBUF_INIT;
	struct response r = { 0 };
	struct exchange x;
	int rc;

	if (client_head(&head, "GET", path, err) < 0)
		return -1;
	strbuf_addstr(&head, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		      "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n");
	strbuf_reset(&c->in);
	if (client_connect(c, err) < 0 || client_send(c, head.buf, head.len, err) < 0)
		return -1;
	exchange_init(&x);
	rc = client_receive(c, &x, err);
	if (rc == 0 && (x.parser.status_code != 101 || !x.accept || strcmp(x.accept, WS_ACCEPT) != 0)) {
		client_response(&x, &r);
		rc = error_set(err, ERROR_TOOL, "berthd opened no websocket for %s", path);
		if (r.status >= 400)
			client_check(&r, "GET", path, err);
		response_clear(&r);
		client_close(c);
	}
	exchange_clear(&x);
	return rc;
}

struct client_ws *client_ws_open(struct client *c, const char *path,
				 bool (*on_text)(const char *text, size_t len, void *data), void *data,
				 struct error *err)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = ws_recv,
		.send_callback = ws_send,
		.genmask_callback = ws_mask,
		.on_msg_recv_callback = ws_message,
	};
	struct client_ws *ws;

	if (ws_handshake(c, path, err) < 0)
		return NULL;
	ws = mem_alloc(sizeof(*ws));
	*ws = (struct client_ws){ .c = c, .on_text = on_text, .data = data };
	if (wslay_event_context_client_init(&ws->ctx, &callbacks, ws) != 0) {
		error_set(err, ERROR_SYSTEM, "out of memory");
		client_ws_free(ws);
		return NULL;
	}
	wslay_event_config_set_max_recv_msg_length(ws->ctx, WS_MESSAGE_MAX);
	return ws;
}

bool client_ws_step(struct client_ws *ws)
{
	if (wslay_event_recv(ws->ctx) != 0 || ws->done)
		return false;
	while (wslay_event_want_write(ws->ctx))
		if (wslay_event_send(ws->ctx) != 0)
			return false;
	return wslay_event_want_read(ws->ctx) && !wslay_event_get_close_received(ws->ctx);
}

void client_ws_free(struct client_ws *ws)
{
	if (!ws)
		return;
	wslay_event_context_free(ws->ctx);
	client_close(ws->c);
	strbuf_reset(&ws->c->in);
	free(ws);
}

int client_websocket(struct client *c, const char *path,
		     bool (*on_text)(const char *text, size_t len, void *data), void *data, struct error *err)
{
	struct client_ws *ws = client_ws_open(c, path, on_text, data, err);
	int rc = 0;

	if (!ws)
		return -1;
	while (client_ws_step(ws)) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			break;
	}
	if (!ws->done && !wslay_event_get_close_received(ws->ctx))
		rc = error_set(err, ERROR_UNAVAILABLE, ws->hung_up ? "berthd closed the connection" :
			       "what berthd sent is no websocket message");
	client_ws_free(ws);
	return rc;
}
