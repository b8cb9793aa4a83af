/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd on the loop. It runs when its epoll fd is readable, when the
 * timeout that it names is over, and before the loop sleeps when it says that
 * it has work left, or we gave it some by resuming a connection (which neither
 * its epoll fd nor its timeout tells of). A suspended connection is out of its
 * epoll set, so an epoll set of ours tells when such a client hangs up.
 */
#include "api/http.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http_private.h"
#include "api/peer.h"
#include "base/log.h"
#include "base/mem.h"
#include "proc/spawn.h"

static void timeout_cb(uv_timer_t *t)
{
	struct http *h = t->data;

	MHD_run(h->mhd);
}

static void mhd_poll_cb(uv_poll_t *p, int status, int events)
{
	struct http *h = p->data;

	MHD_run(h->mhd);
}

/* Before the loop sleeps. The epoll fd does not tell of a resumed or ended connection: kicked does. */
static void prepare_cb(uv_prepare_t *p)
{
	struct http *h = p->data;
	MHD_UNSIGNED_LONG_LONG ms;

	if (h->kicked || (MHD_get_timeout(h->mhd, &ms) == MHD_YES && ms == 0)) {
		h->kicked = false;
		MHD_run(h->mhd);
	}
	if (h->kicked)
		uv_timer_start(&h->timeout, timeout_cb, 0, 0);
	else if (MHD_get_timeout(h->mhd, &ms) == MHD_YES)
		uv_timer_start(&h->timeout, timeout_cb, ms, 0);
	else
		uv_timer_stop(&h->timeout);
}

static void gone_poll_cb(uv_poll_t *p, int status, int events)
{
	struct http *h = p->data;
	struct epoll_event gone[32];
	int i, n = epoll_wait(h->gone_fd, gone, 32, 0);

	for (i = 0; i < n; i++)
		exchange_gone(gone[i].data.ptr);
}

/* Cuts connections that are too slow; libmicrohttpd then sees the end of the stream and cleans up. */
static void sweep_cb(uv_timer_t *t)
{
	struct http *h = t->data;
	uint64_t now = uv_now(h->loop);
	struct connection *c;

	if (LIST_EMPTY(&h->connections)) {
		uv_timer_stop(t);
		malloc_trim(0); /* what a burst of requests took goes back to the system */
	}
	LIST_FOREACH(c, &h->connections, link) {
		if (c->deadline == 0 || now < c->deadline)
			continue;
		log_debug("a client took too long, its connection is cut");
		c->deadline = 0;
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void connection_cb(void *cls, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *h = cls;
	struct connection *c = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = mem_alloc(sizeof(*c));
		c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		c->deadline = uv_now(h->loop) + HTTP_HEAD_MS;
		c->peer = peer_ref(h->arriving);
		LIST_INSERT_HEAD(&h->connections, c, link);
		*socket_context = c;
		if (!uv_is_active((uv_handle_t *)&h->sweep))
			uv_timer_start(&h->sweep, sweep_cb, HTTP_SWEEP_MS, HTTP_SWEEP_MS);
	} else if (c) {
		LIST_REMOVE(c, link);
		peer_unref(c->peer);
		free(c);
		*socket_context = NULL;
	}
}

__attribute__((format(printf, 2, 0)))
static void mhd_log_cb(void *cls, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	log_debug("http: %s", line);
}

static void panic_cb(void *cls, const char *file, unsigned line, const char *reason)
{
	log_error("libmicrohttpd gave up at %s:%u: %s", file, line, reason ? reason : "?");
	abort();
}

/* We decode ourselves, strictly: see uri_decode(). */
static size_t unescape_cb(void *cls, struct MHD_Connection *mhd, char *s)
{
	return strlen(s);
}

/* Each takes a descriptor, and half of them are for what those connections ask for. */
static unsigned connections_max(void)
{
	unsigned n = spawn_raise_nofile() / 2;

	return n < HTTP_CONNECTIONS_MAX ? n : HTTP_CONNECTIONS_MAX;
}

static struct MHD_Daemon *start_daemon(struct http *h, int fd)
{
	const unsigned flags =
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;

	MHD_set_panic_func(panic_cb, NULL);
	return MHD_start_daemon(flags, 0, NULL, NULL, exchange_request_cb, h,
				MHD_OPTION_EXTERNAL_LOGGER, mhd_log_cb, NULL,
				MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
				MHD_OPTION_STRICT_FOR_CLIENT, 1,
				MHD_OPTION_CONNECTION_LIMIT, connections_max(),
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_STALLED_S,
				MHD_OPTION_UNESCAPE_CALLBACK, unescape_cb, NULL,
				MHD_OPTION_URI_LOG_CALLBACK, exchange_target_cb, h,
				MHD_OPTION_NOTIFY_CONNECTION, connection_cb, h,
				MHD_OPTION_NOTIFY_COMPLETED, exchange_completed_cb, h,
				MHD_OPTION_END);
}

static void start_handles(struct http *h)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);

	uv_poll_init(h->loop, &h->mhd_poll, info->epoll_fd);
	uv_poll_init(h->loop, &h->gone_poll, h->gone_fd);
	uv_prepare_init(h->loop, &h->prepare);
	uv_timer_init(h->loop, &h->timeout);
	uv_timer_init(h->loop, &h->sweep);
	h->handles = 5;
	h->mhd_poll.data = h->gone_poll.data = h->prepare.data = h->timeout.data = h->sweep.data = h;
	uv_poll_start(&h->mhd_poll, UV_READABLE, mhd_poll_cb);
	uv_poll_start(&h->gone_poll, UV_READABLE, gone_poll_cb);
	uv_prepare_start(&h->prepare, prepare_cb);
}

struct http *http_listen(struct berthd *b, const char *socket_path, struct error *err)
{
	struct http *h;
	int fd = http_socket(socket_path, err);

	if (fd < 0)
		return NULL;
	signal(SIGPIPE, SIG_IGN); /* sendfile(2) has no MSG_NOSIGNAL; libuv resets it in children */
	h = mem_alloc(sizeof(*h));
	h->berthd = b;
	h->loop = b->loop;
	h->gone_fd = epoll_create1(EPOLL_CLOEXEC);
	h->mhd = h->gone_fd >= 0 ? start_daemon(h, fd) : NULL;
	if (!h->mhd) {
		error_sys(err, errno, "cannot start the HTTP server");
		if (h->gone_fd >= 0)
			close(h->gone_fd);
		close(fd);
		unlink(socket_path);
		free(h);
		return NULL;
	}
	h->socket_path = mem_strdup(socket_path);
	start_handles(h);
	return h;
}

int http_adopt(struct http *h, int fd_taken, struct peer *peer_taken)
{
	const struct sockaddr from = { .sa_family = AF_UNIX };
	enum MHD_Result rc;

	h->arriving = peer_taken;
	rc = MHD_add_connection(h->mhd, fd_taken, &from, sizeof(from.sa_family)); /* closes fd on failure */
	h->arriving = NULL;
	h->kicked = true;
	peer_unref(peer_taken);
	return rc == MHD_YES ? 0 : -1;
}

static void closed_cb(uv_handle_t *handle)
{
	struct http *h = handle->data;

	if (--h->handles > 0)
		return;
	free(h->socket_path);
	free(h);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	unlink(h->socket_path);
	while (!LIST_EMPTY(&h->waiting))
		exchange_gone(LIST_FIRST(&h->waiting));
	while (!LIST_EMPTY(&h->raws))
		raw_shut_down(LIST_FIRST(&h->raws));
	while (!LIST_EMPTY(&h->websockets))
		websocket_shut_down(LIST_FIRST(&h->websockets));
	uv_close((uv_handle_t *)&h->mhd_poll, closed_cb);
	uv_close((uv_handle_t *)&h->gone_poll, closed_cb);
	uv_close((uv_handle_t *)&h->prepare, closed_cb);
	uv_close((uv_handle_t *)&h->timeout, closed_cb);
	uv_close((uv_handle_t *)&h->sweep, closed_cb);
	MHD_stop_daemon(h->mhd);
	close(h->gone_fd);
}
