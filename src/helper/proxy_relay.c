/* SPDX-License-Identifier: MIT */
#include "helper/proxy_relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "helper/proxy_common.h"
#include "helper/proxy_line.h"
#include "helper/proxy_udp.h"

enum {
	FLOW_SIZE = 16384,
	FDS_MAX = 16,     /* descriptors with one message */
	EVENTS_MAX = 64,
	RETRY_MS = 200,   /* no descriptor was free */
	QUEUE_MS = 10,    /* a server's queue was full: look again */
	PATIENCE_MS = 30000,
};

/* What came from one side and has yet to go to the other. */
struct flow {
	char *buf;
	size_t start, end;
	int fds[FDS_MAX];
	size_t n_fds;
	bool eof;  /* nothing more will come */
	bool done; /* and the other side was told */
};

struct conn;

struct side {
	struct conn *conn;
	int fd;
	bool gone;  /* hung up: no longer in the epoll set, but what it sent may be read */
	uint32_t events;
};

struct conn {
	struct side side[2]; /* 0: the client, 1: the server */
	struct flow flow[2]; /* [s]: from side s */
	size_t port;
	bool connecting, dead;
	bool queued; /* in line for the server's queue, which is full */
	uint64_t until; /* ms */
	TAILQ_ENTRY(conn) link;
	struct conn *next_dead;
};
TAILQ_HEAD(conns, conn);

static struct conn *dead; /* freed when no event can name them any more */
static struct conns in_line = TAILQ_HEAD_INITIALIZER(in_line);
static int epoll_fd;
static bool passes_fds, paused;

/* ---- one connection */

static void close_fds(struct flow *f)
{
	while (f->n_fds > 0)
		close(f->fds[--f->n_fds]);
}

static void leave_line(struct conn *c)
{
	if (c->queued)
		TAILQ_REMOVE(&in_line, c, link);
	c->queued = false;
}

static void conn_end(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	leave_line(c);
	for (int s = 0; s < 2; s++) {
		if (c->side[s].fd >= 0)
			close(c->side[s].fd);
		close_fds(&c->flow[s]);
		free(c->flow[s].buf);
	}
	c->next_dead = dead;
	dead = c;
}

static void bury(void)
{
	while (dead) {
		struct conn *c = dead;

		dead = c->next_dead;
		free(c);
	}
}

static void take_fds(struct msghdr *msg, struct flow *f)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (f->n_fds < FDS_MAX)
				f->fds[f->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

union fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
};

/* True when there is more to do with it. */
static bool fill(struct conn *c, int s)
{
	struct flow *f = &c->flow[s];
	union fd_space control;
	struct iovec iov = { f->buf, FLOW_SIZE };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (f->eof || f->end > f->start)
		return false;
	if (passes_fds) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	n = recvmsg(c->side[s].fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		conn_end(c);
		return false;
	}
	take_fds(&msg, f);
	f->start = 0;
	f->end = (size_t)n;
	f->eof = n == 0;
	return true;
}

static ssize_t send_some(struct conn *c, int s)
{
	struct flow *f = &c->flow[s];
	union fd_space control;
	struct iovec iov = { f->buf + f->start, f->end - f->start };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (f->n_fds > 0) {
		struct cmsghdr *h = &control.align;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * f->n_fds);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * f->n_fds);
		memcpy(CMSG_DATA(h), f->fds, sizeof(int) * f->n_fds);
	}
	return sendmsg(c->side[1 - s].fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool drain(struct conn *c, int s)
{
	struct flow *f = &c->flow[s];
	ssize_t n;

	if (f->end == f->start) {
		if (!f->eof || f->done)
			return false;
		f->done = true;
		shutdown(c->side[1 - s].fd, SHUT_WR);
		return true;
	}
	n = send_some(c, s);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) { /* who should get it has gone; what that one sent may still be on its way */
		close_fds(f);
		f->start = f->end = 0;
		f->eof = f->done = true;
		return true;
	}
	close_fds(f);
	f->start += (size_t)n;
	return true;
}

/* Which events matter now: nothing is asked for that would come at once and again. */
static void watch(struct conn *c, int s)
{
	struct side *side = &c->side[s];
	struct epoll_event ev = { .data.ptr = side };

	if (side->gone || (c->queued && s == 1))
		return;
	if (!c->connecting && !c->flow[s].eof && c->flow[s].end == c->flow[s].start)
		ev.events |= EPOLLIN;
	if (c->connecting ? s == 1 : c->flow[1 - s].end > c->flow[1 - s].start)
		ev.events |= EPOLLOUT;
	if (ev.events == side->events)
		return;
	side->events = ev.events;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, side->fd, &ev);
}

static void pump(struct conn *c)
{
	bool more = !c->connecting;

	while (more && !c->dead) {
		more = false;
		for (int s = 0; s < 2 && !c->dead; s++) {
			more = fill(c, s) || more;
			if (!c->dead)
				more = drain(c, s) || more;
		}
	}
	if (!c->dead && c->flow[0].done && c->flow[1].done)
		conn_end(c);
	for (int s = 0; s < 2 && !c->dead; s++)
		watch(c, s);
}

static void side_event(struct side *side, uint32_t events)
{
	struct conn *c = side->conn;
	int error = 0;
	socklen_t len = sizeof(error);

	if (c->dead)
		return;
	if (c->connecting && side == &c->side[1]) {
		if (getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0 ||
		    (events & EPOLLHUP)) {
			conn_end(c);
			return;
		}
		c->connecting = false;
	}
	if (events & (EPOLLHUP | EPOLLERR)) {
		if (c->connecting) { /* the client left */
			conn_end(c);
			return;
		}
		/* told again and again as long as it is watched */
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, side->fd, NULL);
		side->gone = true;
	}
	pump(c);
}

/* ---- new ones */

static bool listen_to(struct side *side)
{
	struct epoll_event ev = { .data.ptr = side };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, side->fd, &ev) == 0;
}

static bool add_side(struct conn *c, int s, int fd)
{
	c->side[s] = (struct side){ .conn = c, .fd = fd };
	c->flow[s].buf = malloc(FLOW_SIZE);
	return fd >= 0 && c->flow[s].buf;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* False: it is in line. A socket that connects to nothing is no event, but would hang up at once. */
static bool dial(const struct proxy_relay *r, struct conn *c)
{
	if (proxy_connect(r, c->port, c->side[1].fd) < 0) {
		if (errno == EAGAIN)
			return false;
		conn_end(c);
		return true;
	}
	leave_line(c);
	if (!listen_to(&c->side[1]))
		conn_end(c);
	else
		watch(c, 1);
	return true;
}

static void begin(const struct proxy_relay *r, size_t port, int client)
{
	struct conn *c = calloc(1, sizeof(*c));
	bool ok;

	if (!c) {
		close(client);
		return;
	}
	c->port = port;
	c->connecting = true;
	ok = add_side(c, 0, client);
	ok = add_side(c, 1, proxy_socket(r)) && ok;
	if (!ok || !listen_to(&c->side[0])) {
		conn_end(c);
		return;
	}
	if (r->proxy_protocol)
		c->flow[0].end = proxy_protocol_line(client, c->flow[0].buf, FLOW_SIZE);
	if (TAILQ_EMPTY(&in_line) && dial(r, c))
		return;
	c->queued = true;
	c->until = now_ms() + PATIENCE_MS;
	TAILQ_INSERT_TAIL(&in_line, c, link);
}

/* In the order in which they came; all of them go to the same server. */
static void dial_those_in_line(const struct proxy_relay *r)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&in_line)) && dial(r, c))
		;
	while ((c = TAILQ_FIRST(&in_line)) && now_ms() > c->until)
		conn_end(c);
}

static void pause_listeners(const struct proxy_relay *r, bool on)
{
	proxy_pause_listeners(r, epoll_fd, on);
	paused = on;
}

static void accept_all(const struct proxy_relay *r, size_t port)
{
	for (;;) {
		int client = accept4(r->listeners[port], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0) {
			begin(r, port, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			pause_listeners(r, true);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* ---- the loop */

static int wait_ms(void)
{
	return !TAILQ_EMPTY(&in_line) ? QUEUE_MS : paused ? RETRY_MS : -1;
}

int proxy_relay_run(const struct proxy_relay *r)
{
	struct epoll_event events[EVENTS_MAX];

	if (r->listen->kind == ENDPOINT_UDP)
		return proxy_udp_run(r);
	passes_fds = r->listen->kind == ENDPOINT_UNIX && r->connect->kind == ENDPOINT_UNIX;
	epoll_fd = proxy_watch_listeners(r);
	if (epoll_fd < 0)
		return -1;
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, wait_ms());

		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;
			size_t port;

			if (proxy_is_listener(r, what, &port))
				accept_all(r, port);
			else
				side_event(what, events[i].events);
		}
		dial_those_in_line(r);
		bury();
		if (paused && n <= 0)
			pause_listeners(r, false);
	}
}
