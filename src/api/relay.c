/* SPDX-License-Identifier: MIT */
#include "api/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define READ_SIZE (32 * 1024)

static bool passing(int sys)
{
	return sys == EAGAIN || sys == EWOULDBLOCK || sys == EINTR;
}

/* ---- out */

struct outflow {
	uv_poll_t poll;
	uv_timer_t timer;
	int handles; /* not closed yet */
	bool freed;
	int fd; /* -1: ended */
	struct sockets *sockets;
	int which;
	bool child_ended;
	unsigned quiet_ms;
	outflow_end_cb end; /* NULL: fired */
	void *data;
};

static void outflow_poll(struct outflow *o);

static void outflow_closed_cb(uv_handle_t *handle)
{
	struct outflow *o = handle->data;

	if (--o->handles == 0 && o->freed)
		free(o);
}

/* The handle goes before the descriptor: libuv would stop watching whoever has that number next. */

void outflow_stop(struct outflow *o)
{
	outflow_end_cb end = o->end;

	if (o->fd >= 0) {
		uv_close((uv_handle_t *)&o->poll, outflow_closed_cb);
		uv_close((uv_handle_t *)&o->timer, outflow_closed_cb);
		close(o->fd);
		o->fd = -1;
	}
	o->end = NULL;
	if (end)
		end(o->data);
}

/* One read; the next follows when it is written. */
static void outflow_read(struct outflow *o)
{
	static char buffer[READ_SIZE]; /* the loop has one thread, and a websocket copies */
	ssize_t n = read(o->fd, buffer, sizeof(buffer));
	int sys = errno;

	if (n > 0 && sockets_send(o->sockets, o->which, buffer, (size_t)n) == 0) {
		uv_poll_stop(&o->poll);
		uv_timer_stop(&o->timer);
	} else if (n < 0 && passing(sys) && !(o->child_ended && o->quiet_ms == 0)) {
		outflow_poll(o);
	} else {
		outflow_stop(o); /* its end, nobody who takes it, or nothing after the child's end */
	}
}

static void readable_cb(uv_poll_t *poll, int status, int events)
{
	outflow_read(poll->data);
}

static void quiet_cb(uv_timer_t *timer)
{
	outflow_stop(timer->data);
}

static void outflow_poll(struct outflow *o)
{
	uv_poll_start(&o->poll, UV_READABLE | UV_DISCONNECT, readable_cb);
	if (o->child_ended && !uv_is_active((uv_handle_t *)&o->timer))
		uv_timer_start(&o->timer, quiet_cb, o->quiet_ms, 0);
}

void outflow_written(struct outflow *o)
{
	if (o->fd >= 0)
		outflow_read(o);
}

void outflow_child_ended(struct outflow *o, unsigned quiet_ms)
{
	o->child_ended = true;
	o->quiet_ms = quiet_ms;
	if (o->fd >= 0 && !sockets_pending(o->sockets, o->which))
		outflow_read(o);
}

struct outflow *outflow_new(uv_loop_t *loop, int fd, struct sockets *s, int which, outflow_end_cb end, void *data)
{
	struct outflow *o = mem_alloc(sizeof(*o));

	o->fd = fd;
	o->sockets = s;
	o->which = which;
	o->end = end;
	o->data = data;
	uv_poll_init(loop, &o->poll, fd);
	uv_timer_init(loop, &o->timer);
	o->handles = 2;
	o->poll.data = o->timer.data = o;
	outflow_poll(o);
	return o;
}

bool outflow_ended(const struct outflow *o)
{
	return o->fd < 0;
}

void outflow_free(struct outflow *o)
{
	if (!o)
		return;
	o->end = NULL;
	outflow_stop(o);
	o->freed = true;
	if (o->handles == 0)
		free(o);
}

/* ---- in */

struct inflow {
	uv_poll_t poll;
	int fd; /* -1: closed, what comes is thrown away */
	struct sockets *sockets;
	int which;
	struct strbuf waiting;
	bool held, ending;
	bool closed, freed; /* poll; by its owner */
	inflow_done_cb done; /* NULL: fired */
	void *data;
};

static void inflow_write(struct inflow *f);

static void inflow_closed_cb(uv_handle_t *handle)
{
	struct inflow *f = handle->data;

	f->closed = true;
	if (f->freed)
		free(f);
}

static void inflow_stop(struct inflow *f)
{
	inflow_done_cb done = f->done;

	if (f->fd >= 0) {
		uv_close((uv_handle_t *)&f->poll, inflow_closed_cb);
		close(f->fd);
		f->fd = -1;
	}
	strbuf_clear(&f->waiting);
	sockets_pause(f->sockets, f->which, false);
	f->done = NULL;
	if (done)
		done(f->data);
}

static void writable_cb(uv_poll_t *poll, int status, int events)
{
	inflow_write(poll->data);
}

static void inflow_write(struct inflow *f)
{
	while (f->waiting.len > 0 && !f->held) {
		ssize_t n = write(f->fd, f->waiting.buf, f->waiting.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && passing(errno))
			break;
		if (n < 0) {
			inflow_stop(f); /* the child takes no more */
			return;
		}
		strbuf_drop_front(&f->waiting, (size_t)n);
	}
	sockets_pause(f->sockets, f->which, f->waiting.len > 0);
	if (f->waiting.len == 0 && f->ending)
		inflow_stop(f);
	else if (f->waiting.len > 0 && !f->held)
		uv_poll_start(&f->poll, UV_WRITABLE, writable_cb);
	else
		uv_poll_stop(&f->poll);
}

void inflow_piece(struct inflow *f, const void *bytes, size_t len)
{
	if (f->fd < 0 || f->ending)
		return;
	strbuf_add(&f->waiting, bytes, len);
	inflow_write(f);
}

void inflow_hold(struct inflow *f, bool held)
{
	f->held = held;
	if (f->fd >= 0)
		inflow_write(f);
}

void inflow_end(struct inflow *f)
{
	f->ending = true;
	if (f->fd >= 0)
		inflow_write(f);
}

struct inflow *inflow_new(uv_loop_t *loop, int fd, struct sockets *s, int which, inflow_done_cb done, void *data)
{
	struct inflow *f = mem_alloc(sizeof(*f));

	f->fd = fd;
	f->sockets = s;
	f->which = which;
	f->done = done;
	f->data = data;
	strbuf_init(&f->waiting);
	uv_poll_init(loop, &f->poll, fd);
	f->poll.data = f;
	return f;
}

void inflow_free(struct inflow *f)
{
	if (!f)
		return;
	f->done = NULL;
	inflow_stop(f);
	f->freed = true;
	if (f->closed)
		free(f);
}
