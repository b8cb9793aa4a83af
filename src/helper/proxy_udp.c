/* SPDX-License-Identifier: MIT */
#include "helper/proxy_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS_MAX = 1024, IDLE_S = 60, DATAGRAM_MAX = 65536, EVENTS_MAX = 64, SWEEP_MS = 10000, BURST = 64 };

struct session {
	int fd; /* -1: free */
	size_t listener;
	struct sockaddr_storage client;
	socklen_t client_len;
	time_t used;
};

static struct session sessions[SESSIONS_MAX];
static int epoll_fd;
static char datagram[DATAGRAM_MAX];

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void end(struct session *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* The one of this client, or a free one, or the one that was silent longest. */
static struct session *find(size_t listener, const struct sockaddr_storage *client, socklen_t len)
{
	struct session *best = &sessions[0];

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *s = &sessions[i];

		if (s->fd >= 0 && s->listener == listener && s->client_len == len &&
		    memcmp(&s->client, client, len) == 0)
			return s;
		if (best->fd >= 0 && (s->fd < 0 || s->used < best->used))
			best = s;
	}
	end(best);
	return best;
}

static bool open_session(const struct proxy_relay *r, struct session *s, size_t listener,
			 const struct sockaddr_storage *client, socklen_t len)
{
	struct sockaddr_storage server;
	socklen_t server_len = endpoint_address(r->connect, r->connect->n_ports > 1 ? listener : 0, &server);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

	s->fd = socket(r->connect->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&server, server_len) < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0) {
		end(s);
		return false;
	}
	s->listener = listener;
	s->client = *client;
	s->client_len = len;
	return true;
}

static void from_clients(const struct proxy_relay *r, size_t listener)
{
	for (int i = 0; i < BURST; i++) {
		struct sockaddr_storage client = { 0 };
		socklen_t len = sizeof(client);
		ssize_t n = recvfrom(r->listeners[listener], datagram, sizeof(datagram), MSG_DONTWAIT,
				     (struct sockaddr *)&client, &len);
		struct session *s;

		if (n < 0)
			return;
		s = find(listener, &client, len);
		if (s->fd < 0 && !open_session(r, s, listener, &client, len))
			continue;
		s->used = now_s();
		(void)send(s->fd, datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void from_server(const struct proxy_relay *r, struct session *s)
{
	for (int i = 0; i < BURST && s->fd >= 0; i++) {
		ssize_t n = recv(s->fd, datagram, sizeof(datagram), MSG_DONTWAIT);

		if (n < 0) /* a refusal (ICMP) is told once by the error, and over */
			return;
		s->used = now_s();
		(void)sendto(r->listeners[s->listener], datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (struct sockaddr *)&s->client, s->client_len);
	}
}

static void sweep(void)
{
	time_t now = now_s();

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		if (sessions[i].fd >= 0 && now - sessions[i].used > IDLE_S)
			end(&sessions[i]);
	}
}

int proxy_udp_run(const struct proxy_relay *r)
{
	struct epoll_event events[EVENTS_MAX];

	for (size_t i = 0; i < SESSIONS_MAX; i++)
		sessions[i].fd = -1;
	epoll_fd = proxy_watch_listeners(r);
	if (epoll_fd < 0)
		return -1;
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, SWEEP_MS);

		for (int i = 0; i < n; i++) {
			const int *listener = events[i].data.ptr;

			if (listener >= r->listeners && listener < r->listeners + r->n_listeners)
				from_clients(r, (size_t)(listener - r->listeners));
			else
				from_server(r, events[i].data.ptr);
		}
		sweep();
	}
}
