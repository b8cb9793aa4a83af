/* SPDX-License-Identifier: MIT */
/*
 * One connection: the handshake, then bytes both ways between its TLS and our end of the socket pair, the other end of
 * which the HTTP server has. Each direction holds at most REMOTE_BUFFER_MAX: who does not read is not read from. The
 * HTTP server's own limits of time see the same pauses through the pair. A client that ended its half has left: those of
 * LXD never do so and go on listening.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/peer.h"
#include "api/remote_private.h"
#include "api/trust.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/x509.h"

#define ROUNDS_MAX 16 /* in one turn of the loop */
#define CHUNK 16384   /* of TLS */

struct remote_connection {
	TAILQ_ENTRY(remote_connection) link;
	struct remote *r;
	bool stranger;     /* in which list it is */
	bool closed;
	bool client_eof, up_eof;
	struct peer *peer; /* until the HTTP server has it */
	uint64_t deadline; /* uv_now(); 0: none */
	struct stream client;
	int up; /* our end of the pair, or -1: the handshake is not done */
	uv_poll_t poll, up_poll;
	int handles;
	struct strbuf in, out; /* to the server, to the client */
};

static void advance(struct remote_connection *c);

/* ---- its end */

static void closed_cb(uv_handle_t *handle)
{
	struct remote_connection *c = handle->data;

	if (--c->handles > 0)
		return;
	strbuf_clear(&c->in);
	strbuf_clear(&c->out);
	peer_unref(c->peer);
	free(c);
}

static void leave(struct remote_connection *c)
{
	if (c->stranger)
		TAILQ_REMOVE(&c->r->strangers, c, link);
	else
		TAILQ_REMOVE(&c->r->trusted, c, link);
	c->r->n_strangers -= c->stranger;
}

static void enter(struct remote_connection *c, bool stranger)
{
	c->stranger = stranger;
	if (stranger)
		TAILQ_INSERT_TAIL(&c->r->strangers, c, link);
	else
		TAILQ_INSERT_TAIL(&c->r->trusted, c, link);
	c->r->n_strangers += stranger;
}

void remote_connection_abort(struct remote_connection *c)
{
	c->closed = true;
	leave(c);
	c->r->connections--;
	uv_close((uv_handle_t *)&c->poll, closed_cb);
	if (c->up >= 0) {
		uv_close((uv_handle_t *)&c->up_poll, closed_cb);
		close(c->up);
	}
	stream_close(&c->client);
}

static void sweep(struct remote_queue *queue, uint64_t now)
{
	struct remote_connection *c, *next;

	for (c = TAILQ_FIRST(queue); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->deadline && now >= c->deadline)
			remote_connection_abort(c);
	}
}

void remote_connections_sweep(struct remote *r, uint64_t now)
{
	sweep(&r->strangers, now);
	sweep(&r->trusted, now);
}

static void set_deadline(struct remote_connection *c, uint64_t ms)
{
	c->deadline = uv_now(c->r->b->loop) + ms;
}

/* ---- the handshake */

/* Who it is: any certificate will do to be asked for, what it is worth the trust store says. */
static void identify(struct remote_connection *c)
{
	struct error err = ERROR_INIT;
	size_t len = 0;
	const void *der = stream_peer_certificate(&c->client, &len);

	if (der)
		c->peer->cert = x509_read(der, len, &err);
	if (der && !c->peer->cert)
		log_debug("the certificate of %s: %s", c->peer->address, err.msg);
	leave(c);
	enter(c, !c->peer->cert || !trust_find(c->r->b->trust, c->peer->cert->fingerprint));
}

static int connect_server(struct remote_connection *c)
{
	struct peer *peer = c->peer;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	c->peer = NULL;
	if (http_adopt(c->r->b->http, pair[1], peer) < 0) {
		close(pair[0]);
		return -1;
	}
	c->up = pair[0];
	uv_poll_init(c->r->b->loop, &c->up_poll, c->up);
	c->up_poll.data = c;
	c->handles++;
	c->deadline = 0;
	return 0;
}

/* 1: done, 0: not yet, -1: it failed */
static int greet(struct remote_connection *c)
{
	int rc = stream_greet(&c->client);

	if (rc <= 0)
		return rc;
	identify(c);
	return connect_server(c) < 0 ? -1 : 1;
}

/* ---- the bytes. Each: how many moved, 0 when there is nothing to do now, -1 when it is broken */

static ssize_t read_client(struct remote_connection *c)
{
	char buf[CHUNK];
	ssize_t n;

	if (c->client_eof || c->in.len >= REMOTE_BUFFER_MAX)
		return 0;
	n = stream_read(&c->client, buf, sizeof(buf));
	if (n > 0)
		strbuf_add(&c->in, buf, (size_t)n);
	else if (n == 0)
		c->client_eof = true;
	return n == -EAGAIN ? 0 : n < 0 ? -1 : n;
}

static ssize_t write_up(struct remote_connection *c)
{
	ssize_t n;

	if (c->in.len == 0)
		return 0;
	n = send(c->up, c->in.buf, c->in.len, MSG_NOSIGNAL);
	if (n > 0)
		strbuf_drop_front(&c->in, (size_t)n);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) { /* what it said before is still to be read */
		strbuf_reset(&c->in);
		return 0;
	}
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static ssize_t read_up(struct remote_connection *c)
{
	char buf[CHUNK];
	ssize_t n;

	if (c->up_eof || c->out.len >= REMOTE_BUFFER_MAX)
		return 0;
	n = recv(c->up, buf, sizeof(buf), 0);
	if (n > 0)
		strbuf_add(&c->out, buf, (size_t)n);
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		c->up_eof = true;
		set_deadline(c, REMOTE_DRAIN_MS);
		return 0;
	}
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static ssize_t write_client(struct remote_connection *c)
{
	ssize_t n;

	if (c->out.len == 0)
		return 0;
	n = stream_write(&c->client, c->out.buf, c->out.len);
	if (n > 0)
		strbuf_drop_front(&c->out, (size_t)n);
	return n == -EAGAIN ? 0 : n < 0 ? -1 : n;
}

/* -1: it is over */
static int move_bytes(struct remote_connection *c)
{
	bool moved = true;

	for (int i = 0; moved && (i < ROUNDS_MAX || stream_pending(&c->client)); i++) {
		ssize_t a = read_client(c), b = a < 0 ? -1 : write_up(c);
		ssize_t d = b < 0 ? -1 : read_up(c), e = d < 0 ? -1 : write_client(c);

		if (e < 0)
			return -1;
		moved = a > 0 || b > 0 || d > 0 || e > 0;
		if (c->in.len >= REMOTE_BUFFER_MAX && i >= ROUNDS_MAX)
			break;
	}
	if (c->client_eof && c->in.len == 0)
		return -1;
	if (!c->up_eof || c->out.len > 0)
		return 0;
	stream_finish(&c->client);
	return -1;
}

/* ---- the machine */

static void poll_cb(uv_poll_t *poll, int status, int events)
{
	advance(poll->data);
}

static void watch(uv_poll_t *poll, int events)
{
	if (events)
		uv_poll_start(poll, events, poll_cb);
	else
		uv_poll_stop(poll);
}

static void watch_both(struct remote_connection *c)
{
	if (c->up < 0) {
		watch(&c->poll, stream_wants_write(&c->client) ? UV_WRITABLE : UV_READABLE);
		return;
	}
	watch(&c->poll, (!c->client_eof && c->in.len < REMOTE_BUFFER_MAX ? UV_READABLE : 0) |
				(c->out.len > 0 ? UV_WRITABLE : 0));
	watch(&c->up_poll, (!c->up_eof && c->out.len < REMOTE_BUFFER_MAX ? UV_READABLE : 0) |
				   (c->in.len > 0 ? UV_WRITABLE : 0));
}

static void advance(struct remote_connection *c)
{
	int rc = c->closed ? 0 : 1;

	if (c->closed)
		return;
	if (c->up < 0)
		rc = greet(c);
	if (rc > 0)
		rc = move_bytes(c);
	if (rc < 0)
		remote_connection_abort(c);
	else
		watch_both(c);
}

static void sweep_cb(uv_timer_t *t)
{
	struct remote *r = t->data;

	remote_connections_sweep(r, uv_now(r->b->loop));
	if (r->connections == 0)
		uv_timer_stop(t);
}

void remote_connection_new(struct remote *r, int fd_taken, const char *host, unsigned port)
{
	struct remote_connection *c = mem_alloc(sizeof(*c));

	c->r = r;
	c->up = -1;
	c->peer = peer_new(host, port);
	strbuf_init(&c->in);
	strbuf_init(&c->out);
	stream_open(&c->client, fd_taken, r->tls);
	uv_poll_init(r->b->loop, &c->poll, fd_taken);
	c->poll.data = c;
	c->handles = 1;
	r->connections++;
	enter(c, true);
	set_deadline(c, REMOTE_GREET_MS);
	if (!uv_is_active((uv_handle_t *)&r->sweep))
		uv_timer_start(&r->sweep, sweep_cb, REMOTE_SWEEP_MS, REMOTE_SWEEP_MS);
	advance(c);
}
