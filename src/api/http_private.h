/* SPDX-License-Identifier: MIT */
/* What http.c, http_exchange.c, http_listen.c and websocket.c share. */
#ifndef BERTH_API_HTTP_PRIVATE_H
#define BERTH_API_HTTP_PRIVATE_H

#include <microhttpd.h>
#include <sys/queue.h>
#include <uv.h>

#include "api/request.h"

/* How long a client may take, in milliseconds. Waiting for us (an operation, events) has no limit. */
#define HTTP_HEAD_MS 30000       /* for request line and headers */
#define HTTP_BODY_MS 60000       /* for a JSON body; for an upload plus a second per KiB that came */
#define HTTP_KEEPALIVE_MS 120000 /* between two requests */
#define HTTP_DRAIN_MS 10000      /* to stop sending what was refused */
#define HTTP_SWEEP_MS 2000
#define HTTP_STALLED_S 120       /* without taking a byte of the reply */

#define HTTP_CONNECTIONS_MAX 16384 /* an exec has five; fewer when there are fewer descriptors: http.c */
#define HTTP_STRANGER_BODY (64 * 1024) /* of who is not trusted; else http_max_body */
#define HTTP_CONNECTION_MEMORY (32 * 1024) /* headers and buffers of one connection */

/* A connection of libmicrohttpd: what bounds the time it may take. */
struct connection {
	LIST_ENTRY(connection) link;
	int fd;
	uint64_t deadline; /* uv_now() after which it is cut; 0: none */
	struct peer *peer; /* NULL: the unix socket */
};

enum exchange_phase {
	EXCHANGE_HEAD,    /* the request line is there */
	EXCHANGE_BODY,    /* its body goes to the request */
	EXCHANGE_REFUSED, /* replied before the body ended: a little more is swallowed */
	EXCHANGE_DRAIN,   /* … it did not end: replied past libmicrohttpd, swallowed until the client stops */
	EXCHANGE_WAIT,    /* suspended: the handler replies later */
	EXCHANGE_PAUSED,  /* suspended: the upload takes no more of the body for now */
	EXCHANGE_STREAM,  /* suspended: no more of the reply's body has come yet */
	EXCHANGE_READY,   /* reply to be queued */
	EXCHANGE_DONE,    /* queued */
	EXCHANGE_GONE,    /* the client left while we waited */
};

/* One request and its reply on a connection. */
struct exchange {
	LIST_ENTRY(exchange) link; /* in http.waiting while suspended */
	struct http *http;
	struct MHD_Connection *mhd;
	struct connection *connection;
	enum exchange_phase phase;
	bool in_handler;
	bool stranger;       /* request_trusted() said so when it began */
	bool pause;          /* once this piece of the body is taken */
	struct raw_connection *raw; /* to be handed over when the 101 is out */
	struct http_stream *stream; /* the reply's body */
	char *target;
	struct request *request;
	uint64_t received;      /* bytes of the body */
	uint64_t received_from; /* uv_now() when it began */
	struct websocket *websocket; /* to be opened when the 101 is out */
};

LIST_HEAD(connection_list, connection);
LIST_HEAD(exchange_list, exchange);
LIST_HEAD(websocket_list, websocket);
LIST_HEAD(raw_list, raw_connection);

struct http {
	struct berthd *berthd;
	uv_loop_t *loop;
	struct MHD_Daemon *mhd;
	char *socket_path;
	int gone_fd; /* epoll: tells of suspended clients that hung up */
	struct peer *arriving; /* whose connection is being added */
	bool kicked; /* libmicrohttpd has work that its epoll fd does not tell of */
	int handles; /* not closed yet */
	uv_poll_t mhd_poll;
	uv_poll_t gone_poll;
	uv_prepare_t prepare;
	uv_timer_t timeout;
	uv_timer_t sweep;
	struct connection_list connections;
	struct exchange_list waiting;
	struct websocket_list websockets;
	struct raw_list raws;
};

/* http_listen.c: a listening socket, 0660, group berth; -1 with err. */
int http_socket(const char *path, struct error *err);

/* http_exchange.c: libmicrohttpd's callbacks */
void *exchange_target_cb(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_request_cb(void *cls, struct MHD_Connection *mhd, const char *url,
				    const char *method, const char *version, const char *data,
				    size_t *data_len, void **con_cls);
void exchange_completed_cb(void *cls, struct MHD_Connection *mhd, void **con_cls,
			   enum MHD_RequestTerminationCode code);
void exchange_gone(struct exchange *x); /* its client hung up while it waits */

/* For who suspends: the client's leaving is watched meanwhile. */
void exchange_suspend(struct exchange *x, enum exchange_phase phase);
/* It goes on: libmicrohttpd calls again when prepare_cb() runs it. */
void exchange_resume(struct exchange *x, enum exchange_phase phase);

/* http_stream.c: a response whose body are chunks; NULL: out of memory. Takes the reply's stream. */
struct MHD_Response *http_stream_response(struct exchange *x, struct reply *reply);
void http_stream_stop(struct http_stream *s); /* the exchange goes, or its client has left */

/* http_parts.c: a response whose body is the reply's parts, which it takes; NULL: out of memory. */
struct MHD_Response *http_parts_response(struct reply *reply);

/* http_raw.c */
struct raw_connection *raw_new(struct http *h, const struct raw_handler *handler, void *data);
void raw_drop(struct raw_connection *c); /* the client left before the switch */
void raw_upgrade_cb(void *cls, struct MHD_Connection *mhd, void *con_cls, const char *extra, size_t extra_len,
		    MHD_socket fd, struct MHD_UpgradeResponseHandle *urh);
void raw_shut_down(struct raw_connection *c); /* on_close included */

/* websocket.c */
struct websocket *websocket_new(struct http *h, const struct websocket_handler *handler, void *data);
void websocket_drop(struct websocket *ws); /* the client left before the switch */
void websocket_upgrade_cb(void *cls, struct MHD_Connection *mhd, void *con_cls, const char *extra,
			  size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *urh);
void websocket_shut_down(struct websocket *ws); /* says goodbye and ends now, on_close included */

#endif
