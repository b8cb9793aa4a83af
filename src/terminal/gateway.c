/* SPDX-License-Identifier: MIT */
/* The TCP listener: accepts, bounds how many there are, and says which hosts and origins are ours. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/inet.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/settings.h"
#include "terminal/terminal_private.h"

#define ACCEPT_PER_TURN 32

/* ---- which names are ours */

/* The host of "host:port" or "[v6]:port"; NULL when it is malformed. Caller frees. */
static char *host_of(const char *text)
{
	size_t n = *text == '[' ? strcspn(text, "]") : strcspn(text, ":");
	const char *rest = text + n;
	char *end;
	long port;

	if (*text == '[') {
		if (!*rest)
			return NULL;
		text++;
		n--;
		rest++;
	}
	if (*rest == ':') {
		port = strtol(rest + 1, &end, 10);
		if (rest[1] < '0' || rest[1] > '9' || *end || port < 1 || port > 65535)
			return NULL;
	} else if (*rest) {
		return NULL;
	}
	return n > 0 ? mem_strndup(text, n) : NULL;
}

static bool is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static bool url_names(const struct terminals *ts, const char *host)
{
	const struct session *s;

	if (tokens_have_host(ts->tokens, host))
		return true;
	TAILQ_FOREACH(s, &ts->sessions, link)
		if (strcasecmp(s->host, host) == 0)
			return true;
	return false;
}

static bool origin_listed(const char *list, const char *origin)
{
	size_t n = strlen(origin);

	while (*list) {
		size_t len;

		list += strspn(list, " ");
		len = strcspn(list, " ");
		if (len == n && strncasecmp(list, origin, n) == 0)
			return true;
		list += len;
	}
	return false;
}

/* Is "http(s)://HOSTPORT" among terminal_origins? A proxy that keeps the Host header asks so. */
static bool listed_host(const char *list, const char *hostport)
{
	AUTO_FREE char *plain = mem_printf("http://%s", hostport);
	AUTO_FREE char *secure = mem_printf("https://%s", hostport);

	return origin_listed(list, plain) || origin_listed(list, secure);
}

/*
 * A page elsewhere can make its own name point here (DNS rebinding) and is then of one origin with us. It cannot
 * do so with an address, and not with a name that is not its own.
 */
bool gateway_host_ok(const struct gateway *g, const char *hostport)
{
	const struct settings *s = g->ts->b->settings;
	AUTO_FREE char *host = host_of(hostport);
	char own[254] = "";

	(void)gethostname(own, sizeof(own) - 1);
	return host && (is_address(host) || strcasecmp(host, "localhost") == 0 || strcasecmp(host, own) == 0 ||
			strcasecmp(host, s->server_name) == 0 || strcasecmp(host, s->public_addr) == 0 ||
			url_names(g->ts, host) || listed_host(s->terminal_origins, hostport));
}

bool gateway_origin_ok(const struct gateway *g, const struct head *h)
{
	AUTO_FREE char *own = mem_printf("%s://%s", g->tls ? "https" : "http", h->field[HEAD_HOST]);
	const char *origin = h->field[HEAD_ORIGIN];

	return origin && (strcasecmp(origin, own) == 0 || origin_listed(g->ts->b->settings->terminal_origins, origin));
}

/* One line for any number of them. */
void gateway_complain(struct gateway *g, const char *address)
{
	uint64_t now = uv_now(g->ts->b->loop);

	g->wrong++;
	if (g->complained && now - g->complained < COMPLAIN_MS)
		return;
	log_warning("terminal: %u wrong, used or expired tokens, the last one from %s", g->wrong, address);
	g->complained = now ? now : 1;
	g->wrong = 0;
}

/* ---- accepting */

static void accept_cb(uv_poll_t *poll, int status, int events)
{
	struct gateway *g = poll->data;

	for (int i = 0; i < ACCEPT_PER_TURN; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		char address[ADDRESS_SIZE];
		int fd = accept4(g->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int one = 1;

		if (fd < 0)
			return;
		if (g->connections >= CONNECTIONS_MAX && TAILQ_EMPTY(&g->queue)) {
			close(fd); /* all of them are terminals in use */
			continue;
		}
		if (g->connections >= CONNECTIONS_MAX)
			connection_abort(TAILQ_FIRST(&g->queue));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* each key counts */
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		inet_text(&from, len, address);
		connection_new(g, fd, address);
	}
}

/* ---- listening */

/* IPv6 first, which takes IPv4 too; a host without it has IPv4. */
static int open_socket(const struct settings *s, struct error *err)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	const char *any[] = { "::", "0.0.0.0", NULL }, *one[] = { s->terminal_listen, NULL };
	const char *const *address = *s->terminal_listen ? one : any;
	char port[12];
	int fd = -EADDRNOTAVAIL;

	snprintf(port, sizeof(port), "%d", (int)s->remote_port);
	for (; *address && fd < 0 && fd != -EADDRINUSE; address++) {
		struct addrinfo *list = NULL;

		if (getaddrinfo(*address, port, &hints, &list) != 0)
			return error_set(err, ERROR_INVALID, "terminal_listen: '%s' is no address", *address);
		fd = inet_listen(list);
		freeaddrinfo(list);
	}
	if (fd == -EADDRINUSE)
		return error_set(err, ERROR_CONFLICT,
				 "the web terminal cannot listen: port %s is in use; remote_port in berth.conf is another",
				 port);
	if (fd < 0)
		return error_sys(err, -fd, "the web terminal cannot listen on port %s of '%s'", port,
				 *s->terminal_listen ? s->terminal_listen : "all addresses");
	return fd;
}

struct gateway *gateway_open(struct terminals *ts, struct error *err)
{
	const struct settings *s = ts->b->settings;
	struct gateway *g = mem_alloc(sizeof(*g));

	g->ts = ts;
	TAILQ_INIT(&g->queue);
	g->fd = open_socket(s, err);
	if (g->fd >= 0 && *s->tls_cert) {
		g->tls = tls_load(s->tls_cert, s->tls_key, err);
		if (!g->tls) {
			close(g->fd);
			g->fd = -1;
		}
	}
	if (g->fd < 0) {
		free(g);
		return NULL;
	}
	uv_poll_init(ts->b->loop, &g->poll, g->fd);
	g->poll.data = g;
	uv_poll_start(&g->poll, UV_READABLE, accept_cb);
	log_info("web terminal: listening on port %d%s", (int)s->remote_port, g->tls ? " with TLS" : "");
	return g;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

/* Its sessions have been ended: what is left in the queue has nothing to do with one. */
void gateway_close(struct gateway *g)
{
	while (!TAILQ_EMPTY(&g->queue))
		connection_abort(TAILQ_FIRST(&g->queue));
	tls_unref(g->tls);
	uv_close((uv_handle_t *)&g->poll, closed_cb);
	close(g->fd);
}
