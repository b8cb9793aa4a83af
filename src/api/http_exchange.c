/* SPDX-License-Identifier: MIT */
/*
 * One exchange: libmicrohttpd calls in with the request line, the headers, the
 * body and its end; a reply that is not there by then is waited for with the
 * connection suspended.
 *
 * A reply can be queued when the headers or the whole body are there, never in
 * between. Who must be refused in between (a huge body, a hostile upload) gets
 * the reply written to the socket by us, and is read from until it stops.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "api/http_private.h"
#include "api/peer.h"
#include "api/server_config.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "model/settings.h"

static const char *header(const struct request *r, const char *name)
{
	const struct exchange *x = r->peer;

	return MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name);
}

static void watch(struct exchange *x)
{
	/* no events: a hang-up is always told; a client that only ended its half still waits for us */
	struct epoll_event none = { .data.ptr = x };

	LIST_INSERT_HEAD(&x->http->waiting, x, link);
	if (epoll_ctl(x->http->gone_fd, EPOLL_CTL_ADD, x->connection->fd, &none) < 0)
		log_debug("cannot watch a waiting client: %m");
}

static void unwatch(struct exchange *x)
{
	LIST_REMOVE(x, link);
	epoll_ctl(x->http->gone_fd, EPOLL_CTL_DEL, x->connection->fd, NULL);
}

void exchange_suspend(struct exchange *x, enum exchange_phase phase)
{
	x->phase = phase;
	MHD_suspend_connection(x->mhd);
	watch(x);
}

void exchange_resume(struct exchange *x, enum exchange_phase phase)
{
	unwatch(x);
	x->phase = phase;
	MHD_resume_connection(x->mhd);
	x->http->kicked = true;
}

static void send_reply(struct request *r)
{
	struct exchange *x = r->peer;

	if (x->phase == EXCHANGE_WAIT)
		exchange_resume(x, EXCHANGE_READY);
	else if (x->in_handler)
		x->phase = EXCHANGE_READY;
}

static void set_deadline(struct exchange *x, uint64_t ms)
{
	x->connection->deadline = uv_now(x->http->loop) + ms;
}

static void pause_body(struct request *r)
{
	struct exchange *x = r->peer;

	x->pause = true;
}

static void go_on(struct request *r)
{
	struct exchange *x = r->peer;

	x->pause = false;
	if (x->phase != EXCHANGE_PAUSED)
		return;
	set_deadline(x, HTTP_BODY_MS);
	exchange_resume(x, EXCHANGE_BODY);
}

static uid_t user(const struct request *r)
{
	const struct exchange *x = r->peer;
	struct ucred who;
	socklen_t size = sizeof(who);

	return getsockopt(x->connection->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? who.uid : (uid_t)-1;
}

static const struct request_transport transport = { header, send_reply, pause_body, go_on, user };

void exchange_gone(struct exchange *x)
{
	struct request *r = x->request;

	if (x->phase == EXCHANGE_STREAM) {
		http_stream_stop(x->stream);
		exchange_resume(x, EXCHANGE_GONE);
		return;
	}
	if (x->phase == EXCHANGE_PAUSED) {
		x->request = NULL;
		exchange_resume(x, EXCHANGE_GONE);
		request_free(r);
		return;
	}
	if (x->phase != EXCHANGE_WAIT)
		return; /* answered a moment ago, by what another client's leaving set off */
	x->request = NULL;
	exchange_resume(x, EXCHANGE_GONE);
	request_gone(r);
}

/* Of a JSON body; SIGHUP may change it. A stranger has no more to send than a certificate and a token. */
static size_t body_max(const struct exchange *x)
{
	size_t max = (size_t)x->http->berthd->settings->http_max_body;

	return x->stranger && max > HTTP_STRANGER_BODY ? HTTP_STRANGER_BODY : max;
}

/* "http://host/path" is to be taken like "/path" (RFC 9112 3.2.2), and so is https. */
static const char *origin_form(const char *target)
{
	size_t scheme = strncasecmp(target, "https://", 8) == 0 ? 8 : 7;

	if (scheme == 7 && strncasecmp(target, "http://", 7) != 0)
		return target;
	target += scheme + strcspn(target + scheme, "/?");
	return *target == '/' ? target : "/";
}

void *exchange_target_cb(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct exchange *x = mem_alloc(sizeof(*x));

	x->http = cls;
	x->mhd = mhd;
	x->connection = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	x->target = mem_strdup(origin_form(target));
	set_deadline(x, HTTP_HEAD_MS);
	return x;
}

void exchange_completed_cb(void *cls, struct MHD_Connection *mhd, void **con_cls,
			   enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *con_cls;

	if (!x)
		return;
	*con_cls = NULL;
	if (x->websocket)
		websocket_drop(x->websocket);
	if (x->raw)
		raw_drop(x->raw);
	if (x->stream)
		http_stream_stop(x->stream);
	set_deadline(x, HTTP_KEEPALIVE_MS);
	request_free(x->request);
	free(x->target);
	free(x);
}

static struct MHD_Response *make_body(struct exchange *x, struct reply *reply)
{
	struct MHD_Response *m;

	if (reply->stream.on_end)
		return http_stream_response(x, reply);
	if (reply->n_parts > 0)
		return http_parts_response(reply);
	if (reply->fd >= 0) {
		m = MHD_create_response_from_fd64((uint64_t)reply->size, reply->fd);
		if (m)
			reply->fd = -1;
		return m;
	}
	m = MHD_create_response_from_buffer(reply->len, reply->text, MHD_RESPMEM_MUST_FREE);
	if (m)
		reply->text = NULL;
	return m;
}

static void add_headers(struct MHD_Response *m, const struct reply *reply, bool file)
{
	char text[300];

	const char *type = file ? "application/octet-stream" : "application/json";

	MHD_add_response_header(m, "Content-Type", reply->content_type ? reply->content_type : type);
	if (reply->status >= 400)
		MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	if (reply->location)
		MHD_add_response_header(m, "Location", reply->location);
	if (reply->etag) {
		snprintf(text, sizeof(text), "\"%s\"", reply->etag);
		MHD_add_response_header(m, "ETag", text);
	}
	if (reply->type) {
		MHD_add_response_header(m, "X-LXD-type", reply->type);
		snprintf(text, sizeof(text), "%04o", reply->mode);
		MHD_add_response_header(m, "X-LXD-mode", text);
		snprintf(text, sizeof(text), "%u", reply->uid);
		MHD_add_response_header(m, "X-LXD-uid", text);
		snprintf(text, sizeof(text), "%u", reply->gid);
		MHD_add_response_header(m, "X-LXD-gid", text);
	}
	if (reply->modified)
		MHD_add_response_header(m, "X-LXD-modified", reply->modified);
	if (reply->filename) {
		snprintf(text, sizeof(text), "inline;filename=%.250s", reply->filename);
		MHD_add_response_header(m, "Content-Disposition", text);
	}
}

/* For pages of another origin that a browser may show our answers to: over HTTPS only. */
static void add_cors(struct MHD_Response *m, const struct exchange *x)
{
	static const char *const fields[][2] = {
		{ "Access-Control-Allow-Origin", "core.https_allowed_origin" },
		{ "Access-Control-Allow-Methods", "core.https_allowed_methods" },
		{ "Access-Control-Allow-Headers", "core.https_allowed_headers" },
	};
	const struct server_config *c = x->http->berthd->server;
	const char *credentials = server_config_get(c, "core.https_allowed_credentials");
	struct error err = ERROR_INIT;
	int on = 0;

	if (!x->connection->peer || !header(x->request, "Origin") || !server_config_get(c, fields[0][1]))
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (server_config_get(c, fields[i][1]))
			MHD_add_response_header(m, fields[i][0], server_config_get(c, fields[i][1]));
	if (credentials && units_parse_bool(credentials, &on, &err) == 0 && on)
		MHD_add_response_header(m, "Access-Control-Allow-Credentials", "true");
}

static struct MHD_Response *make_upgrade(struct exchange *x, struct reply *reply)
{
	struct MHD_Response *m;

	x->websocket = websocket_new(x->http, reply->websocket, reply->websocket_data);
	reply->websocket = NULL;
	m = MHD_create_response_for_upgrade(websocket_upgrade_cb, x->websocket);
	if (!m)
		return NULL;
	MHD_add_response_header(m, "Upgrade", "websocket");
	MHD_add_response_header(m, "Sec-WebSocket-Accept", reply->accept);
	return m;
}

static struct MHD_Response *make_raw(struct exchange *x, struct reply *reply)
{
	struct MHD_Response *m;

	x->raw = raw_new(x->http, reply->raw, reply->raw_data);
	reply->raw = NULL;
	m = MHD_create_response_for_upgrade(raw_upgrade_cb, x->raw);
	if (m)
		MHD_add_response_header(m, "Upgrade", reply->protocol);
	if (m && reply->accept[0])
		MHD_add_response_header(m, "Sec-WebSocket-Accept", reply->accept);
	return m;
}

static enum MHD_Result queue_reply(struct exchange *x)
{
	struct reply *reply = &x->request->reply;
	bool file = reply->fd >= 0, upgrade = reply->websocket != NULL || reply->raw != NULL;
	struct MHD_Response *m = reply->websocket ? make_upgrade(x, reply) : reply->raw ? make_raw(x, reply) : make_body(x, reply);
	enum MHD_Result ret;

	if (!m)
		return MHD_NO;
	if (!upgrade) {
		add_headers(m, reply, file);
		add_cors(m, x);
	}
	ret = MHD_queue_response(x->mhd, reply->status, m);
	MHD_destroy_response(m);
	x->connection->deadline = 0;
	x->phase = EXCHANGE_DONE;
	request_free(x->request);
	x->request = NULL;
	return ret;
}

/* The reply to a body that will not end soon, past libmicrohttpd (which has written nothing yet). */
static void refuse_early(struct exchange *x)
{
	const struct reply *reply = &x->request->reply;
	char *text = mem_printf(
		"HTTP/1.1 %u %s\r\nContent-Type: application/json\r\n"
		"X-Content-Type-Options: nosniff\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		reply->status, MHD_get_reason_phrase_for(reply->status), reply->len,
		reply->text ? reply->text : "");

	if (send(x->connection->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("cannot refuse a request body: %m");
	free(text);
	x->phase = EXCHANGE_DRAIN;
	set_deadline(x, HTTP_DRAIN_MS);
}

static void refuse(struct exchange *x)
{
	x->phase = EXCHANGE_REFUSED;
	x->received = 0;
}

/* Content-Length beyond what is taken: known before a byte of the body was read. */
static bool announced_too_much(const struct exchange *x)
{
	const char *s = header(x->request, "Content-Length");

	return s && !x->request->upload && strtoull(s, NULL, 10) > body_max(x);
}

/* libmicrohttpd would take the body for one that ends with the connection, which no client means (RFC 9112 6.1). */
static bool unknown_coding(const struct exchange *x)
{
	const char *coding = header(x->request, "Transfer-Encoding");

	return coding && strcasecmp(coding, "chunked") != 0;
}

static enum MHD_Result begin(struct exchange *x, const char *method)
{
	struct request *r = request_new(x->http->berthd, &transport, method, x->target);
	bool routed;

	r->peer = x;
	r->client = peer_ref(x->connection->peer);
	x->request = r;
	x->stranger = !request_trusted(r);
	x->phase = EXCHANGE_BODY;
	x->received_from = uv_now(x->http->loop);
	set_deadline(x, HTTP_BODY_MS);
	if (unknown_coding(x)) {
		reply_errorf(r, ERROR_UNSUPPORTED, "the only transfer coding is chunked");
		return queue_reply(x);
	}
	routed = router_route(r);
	if (routed && announced_too_much(x)) {
		reply_errorf(r, ERROR_TOO_LARGE, "the request body is larger than %zu bytes", body_max(x));
		routed = false;
	}
	if (!routed && header(r, "Expect"))
		return queue_reply(x); /* it did not begin to send */
	if (!routed)
		refuse(x);
	return MHD_YES;
}

static void take_body(struct exchange *x, const char *data, size_t len)
{
	x->received += len;
	if (x->phase == EXCHANGE_BODY) {
		if (x->request->upload)
			x->connection->deadline = x->received_from + HTTP_BODY_MS + x->received * 1000 / 1024;
		if (!request_body_data(x->request, data, len, body_max(x)))
			refuse(x);
	} else if (x->phase == EXCHANGE_REFUSED && x->received > body_max(x)) {
		refuse_early(x);
	}
}

static enum MHD_Result body_ended(struct exchange *x)
{
	x->connection->deadline = 0;
	x->in_handler = true;
	router_dispatch(x->request);
	x->in_handler = false;
	if (x->phase == EXCHANGE_READY)
		return queue_reply(x);
	exchange_suspend(x, EXCHANGE_WAIT);
	return MHD_YES;
}

enum MHD_Result exchange_request_cb(void *cls, struct MHD_Connection *mhd, const char *url,
				    const char *method, const char *version, const char *data,
				    size_t *data_len, void **con_cls)
{
	struct exchange *x = *con_cls;

	if (x->phase == EXCHANGE_HEAD)
		return begin(x, method);
	if (x->phase == EXCHANGE_PAUSED)
		return MHD_YES; /* it has another chunk in its buffer, and comes again with it */
	if (*data_len > 0) {
		take_body(x, data, *data_len);
		*data_len = 0;
		if (x->pause && x->phase == EXCHANGE_BODY) {
			x->connection->deadline = 0; /* it waits for us */
			exchange_suspend(x, EXCHANGE_PAUSED);
		}
		return MHD_YES;
	}
	switch (x->phase) {
	case EXCHANGE_BODY:
		return body_ended(x);
	case EXCHANGE_REFUSED:
	case EXCHANGE_READY:
		return queue_reply(x);
	case EXCHANGE_DONE:
		return MHD_YES;
	default:
		return MHD_NO;
	}
}
