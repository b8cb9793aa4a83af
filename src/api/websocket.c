/* SPDX-License-Identifier: MIT */
/*
 * RFC 6455 on a connection that libmicrohttpd handed over: the handshake here,
 * frames by wslay, readiness by a uv_poll. A websocket ends when either side
 * closed and what was queued is out, when the peer vanishes, when it does not
 * close within 2 s after us, or when more than 8 MiB wait for it.
 */
#include <errno.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "api/http_private.h"
#include "base/mem.h"

#define MESSAGE_MAX (1024 * 1024)
#define QUEUE_BYTES_MAX (8 * 1024 * 1024)
#define QUEUE_COUNT_MAX 65536 /* pongs for a peer that pings and does not read */
#define READ_PER_TURN (256 * 1024)
#define CLOSE_MS 2000

struct websocket {
	LIST_ENTRY(websocket) link;
	struct http *http;
	const struct websocket_handler *handler;
	void *data;
	struct MHD_UpgradeResponseHandle *urh;
	wslay_event_context_ptr wslay;
	int fd;
	struct strbuf early; /* frames that came with the handshake */
	size_t early_used;
	size_t read_now;     /* bytes in this turn of the loop */
	bool closing;        /* we sent or will send a close frame */
	bool broken;         /* the stream ended */
	bool paused;         /* nothing is read */
	bool owes_written;   /* something was queued since on_written() */
	bool in_text, in_control; /* on_piece: what comes in */
	int handles;
	uv_poll_t poll;
	uv_timer_t timer;
};

/* ---- handshake */

static bool has_token(const char *list, const char *token)
{
	size_t n = strlen(token);

	while (list && *list) {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len == n && strncasecmp(list, token, n) == 0)
			return true;
		list += len;
	}
	return false;
}

/* RFC 6455 4.2.2: base64(SHA-1(key + GUID)). */
static bool accept_key(const char *key, char out[29])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	struct base64_decode_ctx decode;
	struct sha1_ctx sha1;
	uint8_t bytes[BASE64_DECODE_LENGTH(24)], digest[SHA1_DIGEST_SIZE];
	size_t n = sizeof(bytes);

	if (!key || strlen(key) != 24)
		return false;
	base64_decode_init(&decode);
	if (!base64_decode_update(&decode, &n, bytes, 24, key) || !base64_decode_final(&decode) || n != 16)
		return false;
	sha1_init(&sha1);
	sha1_update(&sha1, 24, (const uint8_t *)key);
	sha1_update(&sha1, sizeof(guid) - 1, (const uint8_t *)guid);
	sha1_digest(&sha1, sizeof(digest), digest);
	base64_encode_raw(out, sizeof(digest), digest);
	out[28] = 0;
	return true;
}

/* Or says what is wrong. */
static bool take_handshake(struct request *r)
{
	const char *version = request_header(r, "Sec-WebSocket-Version");

	if (strcmp(r->method, "GET") != 0 || !has_token(request_header(r, "Upgrade"), "websocket") ||
	    !has_token(request_header(r, "Connection"), "upgrade"))
		reply_errorf(r, ERROR_INVALID, "this is a websocket: ask with 'Upgrade: websocket'");
	else if (!version || strcmp(version, "13") != 0)
		reply_errorf(r, ERROR_INVALID, "the websocket version must be 13, not '%.20s'",
			     version ? version : "");
	else if (!accept_key(request_header(r, "Sec-WebSocket-Key"), r->reply.accept))
		reply_errorf(r, ERROR_INVALID, "Sec-WebSocket-Key is not 16 bytes in base64");
	else
		return true;
	return false;
}

void reply_websocket(struct request *r, const struct websocket_handler *handler, void *data)
{
	if (!take_handshake(r)) {
		handler->on_close(NULL, data);
		return;
	}
	r->reply.websocket = handler;
	r->reply.websocket_data = data;
	r->reply.status = 101;
	r->transport->send(r);
}

void reply_websocket_raw(struct request *r, const struct raw_handler *handler, void *data)
{
	if (!take_handshake(r)) {
		handler->on_close(NULL, data);
		return;
	}
	r->reply.raw = handler;
	r->reply.raw_data = data;
	r->reply.protocol = "websocket";
	r->reply.status = 101;
	r->transport->send(r);
}

/* ---- life */

static void closed_cb(uv_handle_t *handle)
{
	struct websocket *ws = handle->data;

	if (--ws->handles == 0) {
		strbuf_clear(&ws->early);
		free(ws);
	}
}

struct websocket *websocket_new(struct http *h, const struct websocket_handler *handler, void *data)
{
	struct websocket *ws = mem_alloc(sizeof(*ws));

	ws->http = h;
	ws->handler = handler;
	ws->data = data;
	strbuf_init(&ws->early);
	return ws;
}

void websocket_drop(struct websocket *ws)
{
	ws->handler->on_close(NULL, ws->data);
	free(ws);
}

static void websocket_abort(struct websocket *ws)
{
	ws->closing = true;
	LIST_REMOVE(ws, link);
	uv_close((uv_handle_t *)&ws->poll, closed_cb);
	uv_close((uv_handle_t *)&ws->timer, closed_cb);
	ws->handler->on_close(ws, ws->data);
	wslay_event_context_free(ws->wslay);
	ws->wslay = NULL;
	MHD_upgrade_action(ws->urh, MHD_UPGRADE_ACTION_CLOSE); /* closes fd; libuv has let go of it */
	ws->http->kicked = true;
}

void websocket_shut_down(struct websocket *ws)
{
	websocket_close(ws, WSLAY_CODE_GOING_AWAY);
	wslay_event_send(ws->wslay);
	websocket_abort(ws);
}

static void timer_cb(uv_timer_t *t)
{
	websocket_abort(t->data);
}

/* ---- wslay's callbacks */

static bool has_early(const struct websocket *ws)
{
	return ws->early_used < ws->early.len;
}

static ssize_t read_early(struct websocket *ws, uint8_t *buf, size_t len)
{
	size_t left = ws->early.len - ws->early_used;

	if (len > left)
		len = left;
	memcpy(buf, ws->early.buf + ws->early_used, len);
	ws->early_used += len;
	return (ssize_t)len;
}

static ssize_t recv_cb(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *data)
{
	struct websocket *ws = data;
	ssize_t n;

	if (has_early(ws) && !ws->paused)
		return read_early(ws, buf, len);
	if (ws->paused || ws->read_now >= READ_PER_TURN) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	do
		n = recv(ws->fd, buf, len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		ws->read_now += (size_t)n;
		return n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	ws->broken = true;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t send_cb(wslay_event_context_ptr ctx, const uint8_t *buf, size_t len, int flags, void *data)
{
	struct websocket *ws = data;
	ssize_t n;

	do
		n = send(ws->fd, buf, len,
			 MSG_NOSIGNAL | MSG_DONTWAIT | (flags & WSLAY_MSG_MORE ? MSG_MORE : 0));
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
	} else {
		ws->broken = true;
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	}
	return -1;
}

static void message_cb(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg, void *data)
{
	struct websocket *ws = data;

	if (wslay_is_ctrl_frame(arg->opcode) || ws->closing)
		return;
	if (ws->handler->on_piece)
		ws->handler->on_piece(ws, arg->opcode == WSLAY_TEXT_FRAME, true, NULL, 0, ws->data);
	else
		ws->handler->on_message(ws, arg->opcode, arg->msg, arg->msg_length, ws->data);
}

/* Of handlers with on_piece. A continuation is of the opcode that its message began with. */
static void frame_cb(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *arg, void *data)
{
	struct websocket *ws = data;

	ws->in_control = wslay_is_ctrl_frame(arg->opcode);
	if (arg->opcode == WSLAY_TEXT_FRAME || arg->opcode == WSLAY_BINARY_FRAME)
		ws->in_text = arg->opcode == WSLAY_TEXT_FRAME;
}

static void chunk_cb(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_chunk_arg *arg, void *data)
{
	struct websocket *ws = data;

	if (!ws->in_control && !ws->closing && arg->data_length > 0)
		ws->handler->on_piece(ws, ws->in_text, false, arg->data, arg->data_length, ws->data);
}

/* ---- the loop */

static bool queue_is_full(const struct websocket *ws)
{
	return wslay_event_get_queued_msg_length(ws->wslay) > QUEUE_BYTES_MAX ||
	       wslay_event_get_queued_msg_count(ws->wslay) > QUEUE_COUNT_MAX;
}

static void poll_cb(uv_poll_t *p, int status, int events);

static void update_poll(struct websocket *ws)
{
	int events = 0; /* a hang-up would be told again and again while we do not read */

	if (!ws->paused)
		events |= UV_DISCONNECT;
	if (wslay_event_want_read(ws->wslay) && !ws->paused)
		events |= UV_READABLE;
	if (wslay_event_want_write(ws->wslay) || (has_early(ws) && !ws->paused))
		events |= UV_WRITABLE;
	if (events)
		uv_poll_start(&ws->poll, events, poll_cb);
	else
		uv_poll_stop(&ws->poll);
}

/* What on_written() queues is for the next turn. */
static void told_written(struct websocket *ws)
{
	if (ws->owes_written && !wslay_event_want_write(ws->wslay)) {
		ws->owes_written = false;
		if (ws->handler->on_written)
			ws->handler->on_written(ws, ws->data);
	}
	update_poll(ws);
}

static void poll_cb(uv_poll_t *p, int status, int events)
{
	struct websocket *ws = p->data;

	ws->read_now = 0;
	if (status < 0)
		ws->broken = true;
	if (!ws->broken && ((events & UV_READABLE) || has_early(ws)) && wslay_event_recv(ws->wslay) < 0)
		ws->broken = true;
	if (!ws->broken && wslay_event_want_write(ws->wslay) && wslay_event_send(ws->wslay) < 0)
		ws->broken = true;
	if (events == UV_DISCONNECT && !wslay_event_want_read(ws->wslay))
		ws->broken = true; /* nothing more comes, and what we had to say is said or cannot be */
	if (ws->broken || queue_is_full(ws) ||
	    (!wslay_event_want_read(ws->wslay) && !wslay_event_want_write(ws->wslay)))
		websocket_abort(ws);
	else
		told_written(ws);
}

static void init_wslay(struct websocket *ws)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = recv_cb,
		.send_callback = send_cb,
		.on_msg_recv_callback = message_cb,
	};
	static const struct wslay_event_callbacks piecewise = {
		.recv_callback = recv_cb,
		.send_callback = send_cb,
		.on_frame_recv_start_callback = frame_cb,
		.on_frame_recv_chunk_callback = chunk_cb,
		.on_msg_recv_callback = message_cb,
	};

	if (wslay_event_context_server_init(&ws->wslay, ws->handler->on_piece ? &piecewise : &callbacks, ws) != 0)
		abort(); /* out of memory */
	if (ws->handler->on_piece) {
		wslay_event_config_set_no_buffering(ws->wslay, 1);
		wslay_event_config_set_max_recv_msg_length(ws->wslay, INT64_MAX);
	} else {
		wslay_event_config_set_max_recv_msg_length(ws->wslay, MESSAGE_MAX);
	}
}

void websocket_upgrade_cb(void *cls, struct MHD_Connection *mhd, void *con_cls, const char *extra,
			  size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *urh)
{
	struct websocket *ws = cls;
	struct exchange *x = con_cls;

	x->websocket = NULL;
	x->connection->deadline = 0;
	ws->urh = urh;
	ws->fd = fd;
	strbuf_add(&ws->early, extra, extra_len);
	init_wslay(ws);
	uv_poll_init(ws->http->loop, &ws->poll, fd);
	uv_timer_init(ws->http->loop, &ws->timer);
	ws->handles = 2;
	ws->poll.data = ws->timer.data = ws;
	LIST_INSERT_HEAD(&ws->http->websockets, ws, link);
	if (ws->handler->on_open)
		ws->handler->on_open(ws, ws->data);
	update_poll(ws);
}

/* ---- for handlers */

static int queue(struct websocket *ws, uint8_t opcode, const void *msg, size_t len)
{
	struct wslay_event_msg m = { .opcode = opcode, .msg = msg, .msg_length = len };

	if (ws->closing || ws->broken || wslay_event_queue_msg(ws->wslay, &m) != 0)
		return -1;
	ws->owes_written = true;
	update_poll(ws);
	return 0;
}

int websocket_send_text(struct websocket *ws, const char *text, size_t len)
{
	return queue(ws, WSLAY_TEXT_FRAME, text, len);
}

int websocket_send_binary(struct websocket *ws, const void *data, size_t len)
{
	return queue(ws, WSLAY_BINARY_FRAME, data, len);
}

int websocket_ping(struct websocket *ws)
{
	static const char text[] = "keepalive";

	return queue(ws, WSLAY_PING, text, sizeof(text) - 1);
}

bool websocket_pending(const struct websocket *ws)
{
	return ws->owes_written;
}

void websocket_pause(struct websocket *ws, bool paused)
{
	if (ws->paused == paused || ws->closing)
		return;
	ws->paused = paused;
	update_poll(ws);
}

size_t websocket_queued(const struct websocket *ws)
{
	return wslay_event_get_queued_msg_length(ws->wslay);
}

void websocket_close(struct websocket *ws, unsigned code)
{
	if (ws->closing)
		return;
	wslay_event_queue_close(ws->wslay, (uint16_t)code, NULL, 0);
	ws->closing = true;
	ws->paused = false; /* what comes is thrown away */
	uv_timer_start(&ws->timer, timer_cb, CLOSE_MS, 0);
	update_poll(ws);
}
