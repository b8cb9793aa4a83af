/* SPDX-License-Identifier: MIT */
/*
 * The insides of a request, for the files that carry one from the socket to
 * its handler and back (http, router, request, reply, upload) and for tests,
 * which make requests without sockets: a transport of two functions is all
 * that differs.
 *
 * Life: request_new(), router_route(), then the body through
 * request_body_data() (or it is swallowed), router_dispatch(). A reply may come
 * during either router call or later; transport->send is called once, with
 * r->reply complete. The transport frees the request after that, or calls
 * request_gone() when its client left before.
 */
#ifndef BERTH_API_REQUEST_H
#define BERTH_API_REQUEST_H

#include <sys/types.h>

#include "api/http.h"
#include "api/router.h"
#include "base/strbuf.h"

#define REQUEST_PARAMS_MAX 4

struct multipart;
struct peer;

struct request_transport {
	const char *(*header)(const struct request *r, const char *name); /* or NULL */
	void (*send)(struct request *r);
	void (*pause)(struct request *r); /* or NULL: it cannot wait */
	void (*go_on)(struct request *r);
	uid_t (*user)(const struct request *r); /* of the unix socket; or NULL: root */
};

struct reply {
	unsigned status; /* 0: not replied yet */
	char *text;      /* body, or NULL */
	size_t len;
	int fd;          /* body from this file when >= 0 */
	off_t size;
	char *filename;
	char *content_type; /* NULL: octet-stream for a file, else JSON */
	char *location;
	char *etag;      /* without quotes */
	const char *type; /* X-LXD-type, or NULL; then the next three too */
	unsigned mode, uid, gid;
	char *modified;   /* X-LXD-modified, or NULL */
	struct reply_part parts[REPLY_PARTS_MAX]; /* body from these, one after the other */
	size_t n_parts;
	struct reply_stream stream; /* body from chunks when .on_end is set */
	const struct websocket_handler *websocket; /* 101 */
	void *websocket_data;
	const struct raw_handler *raw; /* 101 to another protocol */
	void *raw_data;
	const char *protocol;
	char accept[29]; /* Sec-WebSocket-Accept */
};

struct request_pair {
	char *key;
	char *value;
};

struct request {
	struct berthd *berthd;
	const struct request_transport *transport;
	void *peer; /* the transport's */
	struct peer *client; /* NULL: the unix socket's */
	char *method;
	char *target; /* as it came, percent-encoded, with the query */
	char *path;   /* target up to '?' */
	bool containers; /* asked for as /1.0/containers */
	const struct route *route;
	void (*refuse)(struct request *r, const struct error *err); /* errors in another shape than LXD's, or NULL */
	struct request_pair params[REQUEST_PARAMS_MAX];
	size_t n_params;
	struct request_pair *query;
	size_t n_query;

	struct strbuf body;
	cJSON *json;
	void *upload; /* state of route->upload while it is being fed */
	struct multipart *multipart;

	void *data;
	void (*on_gone)(struct request *r);
	struct reply reply;
};

struct request *request_new(struct berthd *b, const struct request_transport *transport, const char *method,
			    const char *target);
void request_free(struct request *r); /* aborts an upload; NULL is fine */
/* The client left before the reply: fires on_gone and frees, or keeps it until that reply comes. */
void request_gone(struct request *r);

/* Finds the row, begins its upload; false: refused, r->reply is set (a body is to be swallowed). */
bool router_route(struct request *r);
/* The next bytes of the body; false: refused, r->reply is set. max: of a JSON body. */
bool request_body_data(struct request *r, const void *data, size_t len, size_t max);
/* The body is complete: parses it and runs the handler (unless a reply is there already). */
void router_dispatch(struct request *r);

/* reply.c: frees the texts, closes the files. */
void reply_parts_clear(struct reply_part *parts, size_t n);

/* upload.c */
int upload_begin(struct request *r, struct error *err);
int upload_data(struct request *r, const void *data, size_t len, struct error *err);
void upload_end(struct request *r); /* replies, or the row's end() does */
void upload_abort(struct request *r);

/* Strict: NULL for a bad escape or an encoded NUL. plus: '+' is a space (queries). Caller frees. */
char *uri_decode(const char *s, size_t len, bool plus);

#endif
