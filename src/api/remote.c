/* SPDX-License-Identifier: MIT */
#include "api/remote.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/remote_private.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "base/x509.h"

#define DEFAULT_PORT "8443"
#define ACCEPT_PER_TURN 32
#define HOST_MAX 253

/* ---- addresses */

struct place {
	char host[HOST_MAX + 1]; /* "": every address */
	char port[8];
};

static bool is_six(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET6, host, &any) == 1;
}

/* "host", "host:port", ":port", "[v6]", "[v6]:port", "v6". */
static int split(const char *text, struct place *p, struct error *err)
{
	const char *port = NULL, *start = text, *end = text + strlen(text);
	int64_t number = 0;

	if (*text == '[') {
		start = text + 1;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return error_set(err, ERROR_INVALID, "'%.200s' is no address: ']' and a port belong at its end", text);
		port = end[1] ? end + 2 : NULL;
	} else if (!is_six(text) && strchr(text, ':')) {
		end = strchr(text, ':');
		port = end + 1;
	}
	if ((size_t)(end - start) > HOST_MAX || (*text == '[' && end == start))
		return error_set(err, ERROR_INVALID, "'%.200s' is no address", text);
	snprintf(p->host, sizeof(p->host), "%.*s", (int)(end - start), start);
	if (port && units_parse_int(port, 1, 65535, &number, err) < 0)
		return error_wrap(err, "the port of '%.200s'", text);
	snprintf(p->port, sizeof(p->port), "%.5s", port ? port : DEFAULT_PORT);
	if (*text == '[' && !is_six(p->host))
		return error_set(err, ERROR_INVALID, "'%.200s' is no IPv6 address", p->host);
	return 0;
}

/* Names are not asked for: a listener that waits for a name server keeps everybody waiting. */
static struct addrinfo *look_up(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	return getaddrinfo(host, port, &hints, &list) == 0 ? list : NULL;
}

char *remote_canonical(const char *address, struct error *err)
{
	struct place p;
	struct addrinfo *list;

	if (split(address, &p, err) < 0)
		return NULL;
	if (*p.host) {
		list = look_up(p.host, p.port);
		if (!list) {
			error_set(err, ERROR_INVALID, "Couldn't resolve \"%.200s\": it is no IP address", p.host);
			return NULL;
		}
		freeaddrinfo(list);
	}
	return mem_printf(is_six(p.host) ? "[%s]:%s" : "%s:%s", p.host, p.port);
}

static void add_address(cJSON *list, const char *host, const char *port)
{
	AUTO_FREE char *text = mem_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);

	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

/* As LXD: not the loopback's, and none that needs a scope to be reached. */
static void add_host_addresses(cJSON *list, const struct place *p)
{
	bool four_only = strcmp(p->host, "0.0.0.0") == 0;
	struct ifaddrs *all = NULL, *a;
	char host[INET6_ADDRSTRLEN];

	if (getifaddrs(&all) < 0)
		return;
	for (a = all; a; a = a->ifa_next) {
		const struct sockaddr_in *four = (const void *)a->ifa_addr;
		const struct sockaddr_in6 *six = (const void *)a->ifa_addr;

		if (!a->ifa_addr || (a->ifa_flags & IFF_LOOPBACK))
			continue;
		if (four->sin_family == AF_INET && inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host)))
			add_address(list, host, p->port);
		else if (four->sin_family == AF_INET6 && !four_only && !IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) &&
			 inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host)))
			add_address(list, host, p->port);
	}
	freeifaddrs(all);
}

cJSON *remote_addresses(const struct remote *r)
{
	cJSON *list = cJSON_CreateArray();
	struct error err = ERROR_INIT;
	struct place p;

	if (!r || !r->address || split(r->address, &p, &err) < 0)
		return list;
	if (!*p.host || strcmp(p.host, "::") == 0 || strcmp(p.host, "0.0.0.0") == 0)
		add_host_addresses(list, &p);
	else
		add_address(list, p.host, p.port);
	return list;
}

/* ---- the certificate */

/* What may stand in a certificate's name; LXD's clients refuse a server whose name is none. */
static void host_name(char out[64])
{
	if (gethostname(out, 63) < 0)
		*out = 0;
	out[63] = 0;
	if (!*out || out[strspn(out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] || *out == '.' ||
	    *out == '-')
		snprintf(out, 64, "berth");
}

const struct x509 *remote_certificate(struct remote *r, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	char host[64];

	if (r->cert)
		return r->cert;
	host_name(host);
	if (!fs_exists(r->cert_file) && x509_make(host, r->cert_file, r->key_file, err) < 0)
		return NULL;
	if (fs_read_file(r->cert_file, X509_MAX, &text, err) == 0)
		r->cert = x509_read(text.buf, text.len, err);
	if (!r->cert)
		error_wrap(err, "the server's certificate '%s'", r->cert_file);
	return r->cert;
}

/* ---- accepting */

static void accept_one(struct remote *r, int fd, const struct sockaddr_storage *from, socklen_t len)
{
	struct sockaddr_in in; /* the port has the same place in IPv6's */
	char host[INET_TEXT_SIZE];
	int one = 1;

	if (r->n_strangers >= REMOTE_UNTRUSTED_MAX)
		remote_connection_abort(TAILQ_FIRST(&r->strangers));
	if (r->connections >= REMOTE_MAX) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	inet_text(from, len, host);
	memcpy(&in, from, sizeof(in));
	remote_connection_new(r, fd, host, ntohs(in.sin_port));
}

static void accept_cb(uv_poll_t *poll, int status, int events)
{
	struct remote *r = poll->data;

	for (int i = 0; i < ACCEPT_PER_TURN; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		int fd = accept4(r->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		accept_one(r, fd, &from, len);
	}
}

/* ---- listening */

static int open_socket(const struct place *p, struct error *err)
{
	const char *const hosts[] = { *p->host ? p->host : "::", *p->host ? NULL : "0.0.0.0" };
	int fd = -EADDRNOTAVAIL;

	for (int i = 0; i < 2 && hosts[i] && fd < 0 && fd != -EADDRINUSE; i++) {
		struct addrinfo *list = look_up(hosts[i], p->port);

		fd = list ? inet_listen(list) : -EADDRNOTAVAIL;
		if (list)
			freeaddrinfo(list);
	}
	if (fd < 0)
		return error_set(err, ERROR_INVALID, "cannot listen on '%s:%s': %s", p->host, p->port, strerror(-fd));
	return fd;
}

static void poll_closed_cb(uv_handle_t *handle)
{
	free(handle);
}

static void stop(struct remote *r)
{
	if (!r->address)
		return;
	uv_close((uv_handle_t *)r->poll, poll_closed_cb);
	close(r->fd);
	free(r->address);
	r->address = NULL;
}

static int start(struct remote *r, const char *address, struct error *err)
{
	struct place p = { 0 };
	int fd = split(address, &p, err) < 0 ? -1 : open_socket(&p, err);

	if (fd < 0)
		return -1;
	r->fd = fd;
	r->address = mem_strdup(address);
	r->poll = mem_alloc(sizeof(*r->poll));
	uv_poll_init(r->b->loop, r->poll, fd);
	r->poll->data = r;
	uv_poll_start(r->poll, UV_READABLE, accept_cb);
	return 0;
}

static int load_tls(struct remote *r, struct error *err)
{
	if (r->tls)
		return 0;
	if (!remote_certificate(r, err))
		return -1;
	r->tls = tls_load(r->cert_file, r->key_file, err);
	if (!r->tls)
		return -1;
	tls_ask_client(r->tls);
	return 0;
}

/* One port can be listened on once: the old socket is closed first, and opened again when the new one cannot be. */
int remote_listen(struct remote *r, const char *address, struct error *err)
{
	AUTO_FREE char *old = mem_strdup(r->address);
	struct error again = ERROR_INIT;

	address = address ? address : "";
	if (strcmp(address, old ? old : "") == 0)
		return 0;
	if (*address && load_tls(r, err) < 0)
		return -1;
	stop(r);
	if (!*address)
		return 0;
	if (start(r, address, err) == 0) {
		log_info("listening on https://%s", address);
		return 0;
	}
	if (old && start(r, old, &again) < 0)
		log_error("%s", again.msg);
	return -1;
}

bool remote_listens(const struct remote *r)
{
	return r && r->address;
}

/* ---- life */

struct remote *remote_new(struct berthd *b, const char *state_path)
{
	struct remote *r = mem_alloc(sizeof(*r));

	r->b = b;
	r->cert_file = fs_join(state_path, "server.crt");
	r->key_file = fs_join(state_path, "server.key");
	TAILQ_INIT(&r->trusted);
	TAILQ_INIT(&r->strangers);
	uv_timer_init(b->loop, &r->sweep);
	r->sweep.data = r;
	return r;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	stop(r);
	while (!TAILQ_EMPTY(&r->trusted))
		remote_connection_abort(TAILQ_FIRST(&r->trusted));
	while (!TAILQ_EMPTY(&r->strangers))
		remote_connection_abort(TAILQ_FIRST(&r->strangers));
	tls_unref(r->tls);
	x509_free(r->cert);
	free(r->cert_file);
	free(r->key_file);
	uv_close((uv_handle_t *)&r->sweep, closed_cb);
}
