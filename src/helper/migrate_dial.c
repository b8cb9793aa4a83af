/* SPDX-License-Identifier: MIT */
#include "helper/migrate_dial.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "helper/fetch_http.h"
#include "helper/unpack_sandbox.h"

enum { HANDSHAKE_S = 5, HEAD_MAX = 16 * 1024, KEY_SIZE = 25, BUFFER = 64 * 1024 };

/* ---- the handshake */

static void make_key(char key[KEY_SIZE])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	base64_encode_raw(key, sizeof(bytes), bytes);
	key[KEY_SIZE - 1] = '\0';
}

static void accept_of(const char *key, char out[29])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx sha1;

	sha1_init(&sha1);
	sha1_update(&sha1, strlen(key), (const uint8_t *)key);
	sha1_update(&sha1, sizeof(guid) - 1, (const uint8_t *)guid);
	sha1_digest(&sha1, sizeof(digest), digest);
	base64_encode_raw(out, sizeof(digest), digest);
	out[28] = '\0';
}

/* The value of a header, up to the line's end; NULL. */
static const char *header_of(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return NULL;
}

int migrate_dial_check(const char *head, const char *key, struct error *err)
{
	const char *answer = header_of(head, "Sec-WebSocket-Accept"), *body = strstr(head, "\r\n\r\n");
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *said = NULL;
	int status = 0;
	char expected[29];

	if (sscanf(head, "HTTP/1.%*1[01] %3d", &status) != 1)
		return error_set(err, ERROR_TOOL, "websocket: bad handshake (no HTTP)");
	if (status != 101) {
		said = body != NULL ? json_parse(body + 4, strlen(body + 4), &ignored) : NULL;
		return error_set(err, status == 403 ? ERROR_FORBIDDEN : status == 404 ? ERROR_NOT_FOUND : ERROR_TOOL,
				 "websocket: bad handshake (%d: %.200s)", status, json_str_or(said, "error", "no websocket"));
	}
	accept_of(key, expected);
	if (answer == NULL || strncmp(answer, expected, 28) != 0 || strcspn(answer, " \t\r\n") != 28)
		return error_set(err, ERROR_TOOL, "websocket: bad handshake (wrong Sec-WebSocket-Accept)");
	return 0;
}

static int wait_connection(const struct http *h, short events)
{
	struct pollfd p = { .fd = http_connection(h), .events = events };
	int n;

	do
		n = poll(&p, 1, HANDSHAKE_S * 1000);
	while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : -1;
}

static int send_all(struct http *h, const char *text, size_t len, struct error *err)
{
	while (len > 0) {
		ssize_t n = http_connection_write(h, text, len);

		if (n == -EAGAIN && wait_connection(h, POLLOUT) == 0)
			continue;
		if (n < 0)
			return error_set(err, ERROR_TOOL, "the other server has closed the connection");
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The end of the head is in it, or what the server sent before it hung up. */
static int read_head(struct http *h, struct strbuf *head, struct error *err)
{
	char buf[4096];

	while (strstr(head->buf, "\r\n\r\n") == NULL) {
		ssize_t n = http_connection_read(h, buf, sizeof(buf));

		if (n == -EAGAIN && wait_connection(h, POLLIN) == 0)
			continue;
		if (n < 0 || head->len > HEAD_MAX)
			return error_set(err, ERROR_TOOL, "the other server does not answer");
		if (n == 0)
			break;
		strbuf_add(head, buf, (size_t)n);
	}
	return 0;
}

/* What the server sent behind it stays in rest. */
static int shake_hands(struct http *h, const char *url, const char *secret, struct strbuf *rest, struct error *err)
{
	const char *host = url + strlen("https://");
	size_t len = strcspn(host, "/?#");
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	char key[KEY_SIZE], *end;

	make_key(key);
	strbuf_addf(&text, "GET %s/websocket?secret=", host + len);
	strbuf_adduri(&text, secret);
	strbuf_addf(&text, " HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: berth " BERTH_VERSION "\r\nUpgrade: websocket\r\n"
			   "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", (int)len, host, key);
	if (send_all(h, text.buf, text.len, err) < 0 || read_head(h, rest, err) < 0 ||
	    migrate_dial_check(rest->buf, key, err) < 0)
		return -1;
	end = strstr(rest->buf, "\r\n\r\n");
	if (end == NULL)
		return error_set(err, ERROR_TOOL, "websocket: bad handshake");
	strbuf_drop_front(rest, (size_t)(end + 4 - rest->buf));
	return 0;
}

/* ---- bytes between the connection and the socket */

struct flow {
	char buf[BUFFER];
	size_t from, to; /* what waits */
	bool ended;      /* no more comes in */
};

static bool has(const struct flow *f)
{
	return f->to > f->from;
}

/* Both say whether something moved. */
static bool took(struct flow *f, ssize_t n)
{
	if (n > 0) {
		f->from = 0;
		f->to = (size_t)n;
	}
	f->ended = n == 0 || (n < 0 && n != -EAGAIN);
	return n > 0 || f->ended;
}

static bool gave(struct flow *f, ssize_t n, bool *ok)
{
	if (n > 0)
		f->from += (size_t)n;
	*ok = n >= 0 || n == -EAGAIN;
	return n > 0 || !*ok;
}

static ssize_t socket_read(int fd, void *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);

	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

static ssize_t socket_write(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

/* TLS may hold bytes that no poll tells of: it is asked before each wait. */
static void wait_both(const struct http *h, int fd, const struct flow *in, const struct flow *out)
{
	struct pollfd p[2] = { { .fd = http_connection(h) }, { .fd = fd } };

	p[0].events = (short)((in->ended || has(in) ? 0 : POLLIN) | (has(out) ? POLLOUT : 0));
	p[1].events = (short)((has(out) ? 0 : POLLIN) | (has(in) ? POLLOUT : 0));
	for (int i = 0; i < 2; i++)
		if (p[i].events == 0)
			p[i].fd = -1;
	(void)poll(p, 2, -1);
}

static void pump(struct http *h, int fd, struct flow *in, struct flow *out)
{
	bool ok = true, told = false, moved;

	while (ok && !out->ended) {
		moved = false;
		if (!has(in) && !in->ended)
			moved |= took(in, http_connection_read(h, in->buf, sizeof(in->buf)));
		if (!has(out))
			moved |= took(out, socket_read(fd, out->buf, sizeof(out->buf)));
		if (has(in))
			moved |= gave(in, socket_write(fd, in->buf + in->from, in->to - in->from), &ok);
		if (ok && has(out))
			moved |= gave(out, http_connection_write(h, out->buf + out->from, out->to - out->from), &ok);
		if (in->ended && !has(in) && !told)
			told = shutdown(fd, SHUT_WR) == 0;
		if (!moved)
			wait_both(h, fd, in, out);
	}
}

/* ---- the process */

static int connect_it(const cJSON *spec, const char *secret, pid_t parent, struct http **ret, struct strbuf *rest,
		      struct error *err)
{
	const struct rlimit none = { 0, 0 };
	const char *url = json_str_or(spec, "operation", "");
	struct http *h;

	(void)setrlimit(RLIMIT_CORE, &none);
	if (sandbox_drop_ids(parent, err) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	*ret = h = http_new(spec, err);
	if (h == NULL || http_connect(h, url, HANDSHAKE_S, err) < 0)
		return -1;
	return shake_hands(h, url, secret, rest, err);
}

/* First says how it went: a byte that is the number of the error (base/error.h), and the words. */
static _Noreturn void run(const cJSON *spec, const char *secret, int fd, pid_t parent)
{
	static struct flow in, out;
	struct strbuf rest = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct http *h = NULL;
	char code;

	if (connect_it(spec, secret, parent, &h, &rest, &err) < 0) {
		code = (char)(err.code != ERROR_NONE ? err.code : ERROR_SYSTEM);
		if (send(fd, &code, 1, MSG_NOSIGNAL) == 1)
			(void)send(fd, err.msg, strlen(err.msg), MSG_NOSIGNAL);
		_exit(1);
	}
	code = 0;
	if (send(fd, &code, 1, MSG_NOSIGNAL) != 1 || rest.len > sizeof(in.buf))
		_exit(1);
	memcpy(in.buf, rest.buf, rest.len);
	in.to = rest.len;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	pump(h, fd, &in, &out);
	http_free(h);
	_exit(0);
}

static int read_verdict(int fd, struct error *err)
{
	char code, text[512];
	size_t len = 0;
	ssize_t n;

	do
		n = read(fd, &code, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1 && code == 0)
		return 0;
	if (n != 1)
		return error_set(err, ERROR_TOOL, "the connection to the other server could not be made");
	while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return error_set(err, code > 0 && code <= ERROR_SYSTEM ? (enum error_code)code : ERROR_TOOL, "%s", text);
}

int migrate_dial(const cJSON *spec, const char *secret, struct error *err)
{
	const pid_t self = getpid();
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_sys(err, errno, "cannot make a socket");
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		run(spec, secret, fds[1], self);
	}
	close(fds[1]);
	if (pid < 0)
		error_sys(err, errno, "cannot start a process");
	if (pid > 0 && read_verdict(fds[0], err) == 0)
		return fds[0];
	close(fds[0]);
	return -1;
}
