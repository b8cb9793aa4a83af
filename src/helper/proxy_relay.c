/* SPDX-License-Identifier: MIT */
#include "helper/proxy_relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper/proxy_udp.h"

enum {
	FLOW_SIZE = 16384,
	FDS_MAX = 16,     /* descriptors with one message */
	EVENTS_MAX = 64,
	RETRY_MS = 200,   /* no descriptor was free */
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
	bool connecting, dead;
	struct conn *next_dead;
};

static struct conn *dead; /* freed when no event can name them any more */
static int epoll_fd;
static bool passes_fds, paused;

/* ---- one connection */

static void close_fds(struct flow *f)
{
	while (f->n_fds > 0)
		close(f->fds[--f->n_fds]);
}

static void conn_end(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
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

	if (side->gone)
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

size_t proxy_protocol_line(int client, char *buf, size_t size)
{
	struct sockaddr_storage peer = { 0 }, own = { 0 };
	socklen_t peer_len = sizeof(peer), own_len = sizeof(own);
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int n;

	if (getpeername(client, (struct sockaddr *)&peer, &peer_len) < 0 ||
	    getsockname(client, (struct sockaddr *)&own, &own_len) < 0 || peer.ss_family != own.ss_family ||
	    (peer.ss_family != AF_INET && peer.ss_family != AF_INET6))
		return (size_t)snprintf(buf, size, "PROXY UNKNOWN\r\n");
	if (peer.ss_family == AF_INET) {
		const struct sockaddr_in *p = (const struct sockaddr_in *)&peer, *o = (const struct sockaddr_in *)&own;

		inet_ntop(AF_INET, &p->sin_addr, from, sizeof(from));
		inet_ntop(AF_INET, &o->sin_addr, to, sizeof(to));
		n = snprintf(buf, size, "PROXY TCP4 %s %s %u %u\r\n", from, to, ntohs(p->sin_port), ntohs(o->sin_port));
	} else {
		const struct sockaddr_in6 *p = (const struct sockaddr_in6 *)&peer, *o = (const struct sockaddr_in6 *)&own;

		inet_ntop(AF_INET6, &p->sin6_addr, from, sizeof(from));
		inet_ntop(AF_INET6, &o->sin6_addr, to, sizeof(to));
		n = snprintf(buf, size, "PROXY TCP6 %s %s %u %u\r\n", from, to, ntohs(p->sin6_port),
			     ntohs(o->sin6_port));
	}
	return (size_t)n;
}

static bool add_side(struct conn *c, int s, int fd)
{
	struct epoll_event ev = { .data.ptr = &c->side[s] };

	c->side[s] = (struct side){ .conn = c, .fd = fd };
	c->flow[s].buf = malloc(FLOW_SIZE);
	return fd >= 0 && c->flow[s].buf && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static int dial(const struct endpoint *to, size_t port)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_address(to, to->n_ports > 1 ? port : 0, &address);
	int fd = socket(to->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void begin(const struct proxy_relay *r, size_t port, int client)
{
	struct conn *c = calloc(1, sizeof(*c));
	int server = c ? dial(r->connect, port) : -1;
	bool ok;

	if (!c) {
		close(client);
		return;
	}
	ok = add_side(c, 0, client);
	ok = add_side(c, 1, server) && ok;
	if (!ok) {
		conn_end(c);
		return;
	}
	c->connecting = true;
	if (r->proxy_protocol)
		c->flow[0].end = proxy_protocol_line(client, c->flow[0].buf, FLOW_SIZE);
	for (int s = 0; s < 2; s++)
		watch(c, s);
}

static void pause_listeners(const struct proxy_relay *r, bool on)
{
	for (size_t i = 0; i < r->n_listeners; i++) {
		struct epoll_event ev = { .events = on ? 0 : EPOLLIN, .data.ptr = (void *)&r->listeners[i] };

		epoll_ctl(epoll_fd, EPOLL_CTL_MOD, r->listeners[i], &ev);
	}
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

static bool is_listener(const struct proxy_relay *r, const void *what)
{
	return (const int *)what >= r->listeners && (const int *)what < r->listeners + r->n_listeners;
}

int proxy_watch_listeners(const struct proxy_relay *r)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < r->n_listeners; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = (void *)&r->listeners[i] };

		if (epoll_ctl(fd, EPOLL_CTL_ADD, r->listeners[i], &ev) < 0) {
			close(fd);
			return -1;
		}
	}
	return fd;
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
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, paused ? RETRY_MS : -1);

		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (is_listener(r, what))
				accept_all(r, (size_t)((int *)what - r->listeners));
			else
				side_event(what, events[i].events);
		}
		bury();
		if (paused && n <= 0)
			pause_listeners(r, false);
	}
}
