/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 by libmicrohttpd in external epoll mode on the libuv loop: its epoll
 * fd is a uv_poll, its timeout a uv_timer armed in a prepare handle. A request
 * whose answer comes later is suspended and resumed.
 */
#ifndef BERTH_API_HTTP_H
#define BERTH_API_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "berthd.h"

/* A unix socket (0660, group `berth` when it exists); refuses when another daemon answers there. */
struct http *http_listen(struct berthd *b, const char *socket_path, struct error *err);
/*
 * Closes all connections and unlinks the socket: waiting requests are gone, websockets closed. To be called
 * before op_queue_free() and events_free(); frees itself on the loop.
 */
void http_free(struct http *h);
/*
 * Serves a connection that somebody else accepted: fd (a stream socket, taken also on failure) brings what its client
 * says, peer (taken) is who that is. -1 when there are too many connections.
 */
struct peer;
int http_adopt(struct http *h, int fd_taken, struct peer *peer_taken);

/*
 * After a websocket upgrade (101 with Sec-WebSocket-Accept) the connection is ours: frames by wslay.
 * on_close comes exactly once for every reply_websocket(): with ws NULL when the switch did not happen (no
 * websocket request, or the client left before it), then on_open never came.
 */
struct websocket;
struct websocket_handler {
	void (*on_open)(struct websocket *ws, void *data); /* may be NULL */
	/* whole messages, <= 1 MiB */
	void (*on_message)(struct websocket *ws, int opcode, const void *msg, size_t len, void *data);
	void (*on_close)(struct websocket *ws, void *data); /* ws is gone afterwards */
	/* Instead of on_message: messages of any size in pieces of at most 4 KiB; end comes with each one's last, which may be empty. */
	void (*on_piece)(struct websocket *ws, bool text, bool end, const void *piece, size_t len, void *data);
	void (*on_written)(struct websocket *ws, void *data); /* from the loop: all that was queued is out. May be NULL */
};
struct request;
/* Replies 101 (or 400 when it is no websocket request). */
void reply_websocket(struct request *r, const struct websocket_handler *handler, void *data);
int websocket_send_text(struct websocket *ws, const char *text, size_t len); /* queued; -1 when closing */
int websocket_send_binary(struct websocket *ws, const void *data, size_t len);
int websocket_ping(struct websocket *ws);
bool websocket_pending(const struct websocket *ws); /* something is not written yet: on_written will come, or on_close */
/* Takes nothing from the peer until it is false again; a peer that hangs up meanwhile is noticed then. */
void websocket_pause(struct websocket *ws, bool paused);
size_t websocket_queued(const struct websocket *ws); /* bytes of messages not yet begun to be written */
void websocket_close(struct websocket *ws, unsigned code); /* on_close follows from the loop */

/*
 * After another upgrade (101) the connection is the handler's, who hands its descriptor to a process. on_close comes
 * exactly once for every reply_raw(): with c NULL when the switch did not happen, then on_open never came; when the
 * server ends; some time after the client hung up.
 */
struct raw_connection;
struct raw_handler {
	/* extra: what came already; copied before it returns */
	void (*on_open)(struct raw_connection *c, int fd, const void *extra, size_t len, void *data);
	void (*on_close)(struct raw_connection *c, void *data); /* c is gone afterwards */
};
/* Replies 101; 400 when the client did not ask for this protocol (a constant). */
void reply_raw(struct request *r, const char *protocol, const struct raw_handler *handler, void *data);
/* The same for frames of a websocket: its handshake is checked and answered as by reply_websocket(). */
void reply_websocket_raw(struct request *r, const struct raw_handler *handler, void *data);
void raw_end_soon(struct raw_connection *c); /* on_close follows from the loop */
void raw_close(struct raw_connection *c); /* not from on_open; on_close does not follow */

#endif
