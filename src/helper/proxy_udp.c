/* SPDX-License-Identifier: MIT */
#include "helper/proxy_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "helper/proxy_common.h"

enum { SESSIONS_MAX = 1024, BUCKETS = 1024, IDLE_S = 60, DATAGRAM_MAX = 65536, EVENTS_MAX = 64, SWEEP_MS = 10000, BURST = 64 };

struct session {
	int fd; /* -1: free */
	size_t listener;
	struct sockaddr_storage client;
	socklen_t client_len;
	time_t used;
	LIST_ENTRY(session) bucket; /* while it has an fd */
	TAILQ_ENTRY(session) order;
};
LIST_HEAD(bucket, session);
TAILQ_HEAD(order, session);

static struct session sessions[SESSIONS_MAX];
static struct bucket buckets[BUCKETS];
static struct order by_use = TAILQ_HEAD_INITIALIZER(by_use); /* all: free ones first, then the longest silent */
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
	close(s->fd);
	s->fd = -1;
	LIST_REMOVE(s, bucket);
	TAILQ_REMOVE(&by_use, s, order);
	TAILQ_INSERT_HEAD(&by_use, s, order);
}

static void touch(struct session *s)
{
	s->used = now_s();
	TAILQ_REMOVE(&by_use, s, order);
	TAILQ_INSERT_TAIL(&by_use, s, order);
}

static struct bucket *bucket_of(size_t listener, const struct sockaddr_storage *client, socklen_t len)
{
	const unsigned char *bytes = (const unsigned char *)client;
	uint32_t hash = 2166136261u ^ (uint32_t)listener; /* FNV-1a */

	for (socklen_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return &buckets[hash % BUCKETS];
}

static struct session *find(size_t listener, const struct sockaddr_storage *client, socklen_t len)
{
	struct session *s;

	LIST_FOREACH(s, bucket_of(listener, client, len), bucket)
		if (s->listener == listener && s->client_len == len && memcmp(&s->client, client, len) == 0)
			return s;
	return NULL;
}

/* A free one, or the one that was silent longest. */
static struct session *take(void)
{
	struct session *s = TAILQ_FIRST(&by_use);

	if (s->fd >= 0)
		end(s);
	return s;
}

static struct session *open_session(const struct proxy_relay *r, size_t listener, const struct sockaddr_storage *client,
				    socklen_t len)
{
	struct session *s = take();
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };
	int fd = proxy_socket(r);

	if (fd < 0 || proxy_connect(r, listener, fd) < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	s->fd = fd;
	s->listener = listener;
	s->client = *client;
	s->client_len = len;
	LIST_INSERT_HEAD(bucket_of(listener, client, len), s, bucket);
	return s;
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
		if (!s)
			s = open_session(r, listener, &client, len);
		if (!s)
			continue;
		touch(s);
		(void)send(s->fd, datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void from_server(const struct proxy_relay *r, struct session *s)
{
	for (int i = 0; i < BURST && s->fd >= 0; i++) {
		ssize_t n = recv(s->fd, datagram, sizeof(datagram), MSG_DONTWAIT);

		if (n < 0) /* a refusal (ICMP) is told once by the error, and over */
			return;
		touch(s);
		(void)sendto(r->listeners[s->listener], datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (struct sockaddr *)&s->client, s->client_len);
	}
}

static void sweep(void)
{
	time_t now = now_s();
	struct session *s, *next;

	for (s = TAILQ_FIRST(&by_use); s && (s->fd < 0 || now - s->used > IDLE_S); s = next) {
		next = TAILQ_NEXT(s, order);
		if (s->fd >= 0)
			end(s);
	}
}

int proxy_udp_run(const struct proxy_relay *r)
{
	struct epoll_event events[EVENTS_MAX];
	time_t swept = now_s();

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		sessions[i].fd = -1;
		TAILQ_INSERT_TAIL(&by_use, &sessions[i], order);
	}
	epoll_fd = proxy_watch_listeners(r);
	if (epoll_fd < 0)
		return -1;
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, SWEEP_MS);

		for (int i = 0; i < n; i++) {
			size_t listener;

			if (proxy_is_listener(r, events[i].data.ptr, &listener))
				from_clients(r, listener);
			else
				from_server(r, events[i].data.ptr);
		}
		if (now_s() - swept < SWEEP_MS / 1000)
			continue;
		sweep();
		swept = now_s();
	}
}
