/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: TLS, one request, and its answer: a page of ours, or ttyd's, whose socket it is then spliced
 * to. Each connection serves one request and is closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/settings.h"
#include "terminal/connection.h"

#define BUFFER_MAX (128 * 1024) /* of each direction */
#define ROUNDS_MAX 32           /* reads in one turn of the loop */

static void advance(struct connection *c);

struct connection *connection_next(struct connection *c)
{
	return TAILQ_NEXT(c, queue);
}

struct connection *connection_next_of_session(struct connection *c)
{
	return LIST_NEXT(c, of_session);
}

/* ---- its end */

static void closed_cb(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	if (--c->handles > 0)
		return;
	strbuf_clear(&c->in);
	strbuf_clear(&c->out);
	free(c);
}

static void leave_queue(struct connection *c)
{
	if (c->queued)
		TAILQ_REMOVE(&c->g->queue, c, queue);
	c->queued = false;
}

static void leave_session(struct connection *c)
{
	if (c->session)
		LIST_REMOVE(c, of_session);
	c->session = NULL;
}

static void close_up(struct connection *c)
{
	if (c->up < 0)
		return;
	uv_close((uv_handle_t *)&c->up_poll, closed_cb);
	close(c->up);
	c->up = -1;
}

void connection_abort(struct connection *c)
{
	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = PHASE_CLOSED;
	leave_queue(c);
	leave_session(c);
	c->g->connections--;
	close_up(c);
	uv_close((uv_handle_t *)&c->poll, closed_cb);
	uv_close((uv_handle_t *)&c->retry, closed_cb);
	stream_close(&c->client);
}

/* A terminal whose connection is over is over itself. */
static void end(struct connection *c)
{
	struct session *s = c->websocket ? c->session : NULL;

	connection_abort(c);
	if (s)
		session_end(s, "the browser or the shell left");
}

void connection_set_deadline(struct connection *c, uint64_t ms)
{
	c->deadline = uv_now(c->g->ts->b->loop) + ms;
}

void connection_sweep(struct connection *c, uint64_t now)
{
	if (c->deadline && now >= c->deadline)
		end(c);
}

/* ---- answers of ours */

void connection_answer(struct connection *c, const struct answer *a)
{
	leave_session(c);
	close_up(c);
	c->websocket = false;
	strbuf_reset(&c->out);
	head_answer(&c->out, a);
	c->phase = PHASE_ANSWER;
	connection_set_deadline(c, ANSWER_MS);
}

void connection_say(struct connection *c, int status, const char *text)
{
	const struct answer a = { .status = status, .fields = "", .text = text,
				  .origins = c->g->ts->b->settings->terminal_origins };

	connection_answer(c, &a);
}

static void take_head(struct connection *c, size_t len)
{
	AUTO_STRBUF struct strbuf data = c->in;
	struct error err = ERROR_INIT;
	struct head h;

	strbuf_init(&c->in);
	if (head_parse(data.buf, len, &h, &err) < 0) {
		connection_say(c, err.code == ERROR_UNSUPPORTED ? 405 : 400, err.msg);
		return;
	}
	connection_route(c, &h, data.buf + len, data.len - len);
	head_clear(&h);
	explicit_bzero(data.buf, data.len); /* tokens and cookies */
}

/* ---- phases; true: go on with the next one */

static bool step_greeting(struct connection *c)
{
	int rc = stream_greet(&c->client);

	if (rc < 0)
		end(c);
	if (rc > 0)
		c->phase = PHASE_HEAD;
	return rc > 0;
}

static bool step_head(struct connection *c)
{
	char buf[4096];
	size_t len;
	ssize_t n;

	while (!(len = head_end(c->in.buf, c->in.len))) {
		if (c->in.len >= HEAD_MAX) {
			connection_say(c, 431, "The head of the request is too long.");
			return true;
		}
		n = stream_read(&c->client, buf, sizeof(buf));
		if (n == -EAGAIN)
			return false;
		if (n <= 0) {
			end(c);
			return false;
		}
		strbuf_add(&c->in, buf, (size_t)n);
	}
	if (len > HEAD_MAX)
		connection_say(c, 431, "The head of the request is too long.");
	else
		take_head(c, len);
	return true;
}

static void retry_cb(uv_timer_t *timer)
{
	advance(timer->data);
}

static void up_poll_cb(uv_poll_t *poll, int status, int events)
{
	advance(poll->data);
}

static bool step_connect(struct connection *c)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int sys = fd < 0 ? errno : 0;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", c->session->socket);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		sys = errno;
		close(fd);
	}
	if (sys == ENOENT || sys == ECONNREFUSED || sys == EAGAIN) {
		uv_timer_start(&c->retry, retry_cb, START_RETRY_MS, 0);
		return false;
	}
	if (sys) {
		log_warning("terminal: cannot connect to ttyd: %s", strerror(sys));
		connection_say(c, 502, "ttyd does not answer.");
		return true;
	}
	c->up = fd;
	uv_poll_init(c->g->ts->b->loop, &c->up_poll, fd);
	c->up_poll.data = c;
	c->handles++;
	c->phase = PHASE_SPLICE;
	connection_set_deadline(c, ANSWER_MS);
	return true;
}

static bool step_answer(struct connection *c)
{
	while (c->out.len > 0) {
		ssize_t n = stream_write(&c->client, c->out.buf, c->out.len);

		if (n == -EAGAIN)
			return false;
		if (n <= 0) {
			end(c);
			return false;
		}
		strbuf_drop_front(&c->out, (size_t)n);
	}
	stream_finish(&c->client);
	c->phase = PHASE_DRAIN;
	connection_set_deadline(c, DRAIN_MS);
	return true;
}

static bool step_drain(struct connection *c)
{
	char buf[4096];
	ssize_t n = 1;

	for (int i = 0; i < ROUNDS_MAX && n > 0; i++)
		n = stream_read(&c->client, buf, sizeof(buf));
	if (n <= 0 && n != -EAGAIN)
		end(c);
	return false;
}

/* ---- the splice */

/* The head of ttyd's answer is there: 101 makes it a terminal, to anything else we add. */
static void answer_head(struct connection *c, size_t len)
{
	static const char switching[] = "HTTP/1.1 101";

	c->head_open = false;
	if (c->websocket && strncmp(c->out.buf, switching, strlen(switching)) == 0) {
		c->session->connected = true;
		c->deadline = 0;
		leave_queue(c);
		(void)frames_feed(&c->frames_out, c->out.buf + len, c->out.len - len);
		return;
	}
	head_from_ttyd(&c->out, len, c->g->ts->b->settings->terminal_origins);
}

static void from_client(struct connection *c, const char *buf, size_t n)
{
	if (!c->websocket) /* one request, and its head is all that goes to ttyd */
		return;
	strbuf_add(&c->in, buf, n);
	c->session->bytes_in += n;
	if (frames_feed(&c->frames_in, buf, n))
		c->session->active = uv_now(c->g->ts->b->loop);
}

static int from_up(struct connection *c, const char *buf, size_t n)
{
	size_t len;

	strbuf_add(&c->out, buf, n);
	if (c->websocket)
		c->session->bytes_out += n;
	if (!c->head_open) {
		if (!c->websocket || frames_feed(&c->frames_out, buf, n))
			c->session->active = uv_now(c->g->ts->b->loop);
		return 0;
	}
	len = head_end(c->out.buf, c->out.len);
	if (len > 0)
		answer_head(c, len);
	return len > 0 || c->out.len < HEAD_MAX ? 0 : -EPROTO;
}

/* Each of the four: bytes moved, 0 when there is nothing to do now, -1 when it is broken. */

static ssize_t read_client(struct connection *c)
{
	char buf[16384];
	ssize_t n;

	if (c->client_eof || c->in.len >= BUFFER_MAX)
		return 0;
	n = stream_read(&c->client, buf, sizeof(buf));
	if (n > 0)
		from_client(c, buf, (size_t)n);
	else if (n == 0)
		c->client_eof = true;
	return n == -EAGAIN ? 0 : n < 0 ? -1 : n;
}

static ssize_t write_up(struct connection *c)
{
	ssize_t n = 0;

	if (c->in.len > 0 && !c->up_eof)
		n = send(c->up, c->in.buf, c->in.len, MSG_NOSIGNAL);
	if (n > 0)
		strbuf_drop_front(&c->in, (size_t)n);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) { /* what it said before may still be read */
		strbuf_reset(&c->in);
		return 0;
	}
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static ssize_t read_up(struct connection *c)
{
	char buf[16384];
	ssize_t n;

	if (c->up_eof || c->out.len >= BUFFER_MAX)
		return 0;
	n = recv(c->up, buf, sizeof(buf), 0);
	if (n > 0 && from_up(c, buf, (size_t)n) < 0)
		return -1;
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		c->up_eof = true;
		return c->head_open ? -1 : 0;
	}
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static ssize_t write_client(struct connection *c)
{
	ssize_t n = 0;

	if (c->out.len > 0 && !c->head_open)
		n = stream_write(&c->client, c->out.buf, c->out.len);
	if (n > 0)
		strbuf_drop_front(&c->out, (size_t)n);
	return n == -EAGAIN ? 0 : n < 0 ? -1 : n;
}

/* A page that the client has half-closed its end for is still delivered; a terminal has nobody any more. */
static bool step_splice(struct connection *c)
{
	bool moved = true;

	for (int i = 0; moved && (i < ROUNDS_MAX || stream_pending(&c->client)); i++) {
		ssize_t a = read_client(c), b = a < 0 ? -1 : write_up(c);
		ssize_t d = b < 0 ? -1 : read_up(c), e = d < 0 ? -1 : write_client(c);

		if (e < 0 || (c->websocket && c->client_eof)) {
			end(c);
			return false;
		}
		moved = a > 0 || b > 0 || d > 0 || e > 0;
		if (c->in.len >= BUFFER_MAX && i >= ROUNDS_MAX)
			break;
	}
	if (!c->up_eof || c->out.len > 0)
		return false;
	if (c->websocket) {
		end(c);
		return false;
	}
	leave_session(c);
	stream_finish(&c->client);
	c->phase = PHASE_DRAIN;
	connection_set_deadline(c, DRAIN_MS);
	return true;
}

/* ---- the machine */

static int wanted_of_client(const struct connection *c)
{
	switch (c->phase) {
	case PHASE_GREETING:
		return stream_wants_write(&c->client) ? UV_WRITABLE : UV_READABLE;
	case PHASE_HEAD:
	case PHASE_DRAIN:
		return UV_READABLE;
	case PHASE_ANSWER:
		return UV_WRITABLE;
	case PHASE_SPLICE:
		return (!c->client_eof && c->in.len < BUFFER_MAX ? UV_READABLE : 0) |
		       (c->out.len > 0 && !c->head_open ? UV_WRITABLE : 0);
	default:
		return 0;
	}
}

static void poll_cb(uv_poll_t *poll, int status, int events)
{
	advance(poll->data);
}

static void watch(uv_poll_t *poll, int events, uv_poll_cb cb)
{
	if (events)
		uv_poll_start(poll, events, cb);
	else
		uv_poll_stop(poll);
}

static bool step(struct connection *c)
{
	switch (c->phase) {
	case PHASE_GREETING:
		return step_greeting(c);
	case PHASE_HEAD:
		return step_head(c);
	case PHASE_CONNECT:
		return step_connect(c);
	case PHASE_SPLICE:
		return step_splice(c);
	case PHASE_ANSWER:
		return step_answer(c);
	case PHASE_DRAIN:
		return step_drain(c);
	default:
		return false;
	}
}

static void advance(struct connection *c)
{
	while (step(c))
		;
	if (c->phase == PHASE_CLOSED)
		return;
	watch(&c->poll, wanted_of_client(c), poll_cb);
	if (c->up >= 0)
		watch(&c->up_poll,
		      (!c->up_eof && c->out.len < BUFFER_MAX ? UV_READABLE : 0) |
			      (c->in.len > 0 && !c->up_eof ? UV_WRITABLE : 0),
		      up_poll_cb);
}

void connection_session_over(struct connection *c, const char *why)
{
	AUTO_FREE char *text = NULL;

	if (c->phase == PHASE_SPLICE && c->out.len > 0 && !c->head_open)
		(void)stream_write(&c->client, c->out.buf, c->out.len); /* its last words */
	if (c->phase != PHASE_CONNECT) {
		connection_abort(c);
		return;
	}
	text = mem_printf("The terminal could not be opened: %s.", why);
	connection_say(c, 502, text);
	advance(c);
}

void connection_new(struct gateway *g, int fd_taken, const char *address)
{
	struct connection *c = mem_alloc(sizeof(*c));
	uv_loop_t *loop = g->ts->b->loop;

	c->g = g;
	c->up = -1;
	snprintf(c->address, sizeof(c->address), "%s", address);
	strbuf_init(&c->in);
	strbuf_init(&c->out);
	stream_open(&c->client, fd_taken, g->tls);
	uv_poll_init(loop, &c->poll, fd_taken);
	uv_timer_init(loop, &c->retry);
	c->poll.data = c->retry.data = c;
	c->handles = 2;
	c->phase = PHASE_GREETING;
	TAILQ_INSERT_TAIL(&g->queue, c, queue);
	c->queued = true;
	g->connections++;
	connection_set_deadline(c, HEAD_MS);
	terminals_sweep_on(g->ts);
	advance(c);
}
