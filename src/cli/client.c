/* SPDX-License-Identifier: MIT */
#include "cli/client.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/client_impl.h"

void response_clear(struct response *r)
{
	cJSON_Delete(r->envelope);
	free(r->etag);
	free(r->location);
	free(r->raw);
	*r = (struct response){ 0 };
}

struct client *client_new(const char *socket_path)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->socket_path = mem_strdup(socket_path);
	c->fd = -1;
	strbuf_init(&c->in);
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	client_close(c);
	strbuf_clear(&c->in);
	free(c->socket_path);
	free(c);
}

struct client *client_clone(const struct client *c)
{
	struct client *copy = client_new(c->socket_path);

	copy->quiet = c->quiet;
	copy->debug = c->debug;
	return copy;
}

void client_set_quiet(struct client *c, bool quiet)
{
	c->quiet = quiet;
}

void client_set_debug(struct client *c, bool debug)
{
	c->debug = debug;
}

const char *client_socket(const struct client *c)
{
	return c->socket_path;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->kept = false;
}

static int connect_failed(const struct client *c, int sys, struct error *err)
{
	if (sys == EACCES || sys == EPERM)
		return error_set(err, ERROR_FORBIDDEN,
				 "cannot connect to berthd at '%s': %s; be root or a member of its group",
				 c->socket_path, strerror(sys));
	error_set(err, ERROR_UNAVAILABLE, "cannot connect to berthd at '%s': %s; is it running? try: "
		  "systemctl start berthd", c->socket_path, strerror(sys));
	err->sys = sys;
	return -1;
}

/* A kept connection may have been closed by the server meanwhile. */
static bool hung_up(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
}

int client_connect(struct client *c, struct error *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = strlen(c->socket_path);
	int sys;

	if (c->fd >= 0 && !hung_up(c->fd))
		return 0;
	client_close(c);
	if (len >= sizeof(sa.sun_path))
		return error_set(err, ERROR_INVALID, "socket path '%s' is too long: at most %zu bytes",
				 c->socket_path, sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, c->socket_path, len);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	while (connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		if (errno == EINTR)
			continue;
		sys = errno;
		client_close(c);
		return connect_failed(c, sys, err);
	}
	return 0;
}

int client_head(struct strbuf *sb, const char *method, const char *path, struct error *err)
{
	if (path[0] != '/')
		return error_set(err, ERROR_INVALID, "'%s' is no API path: it must begin with '/'", path);
	if (!text_is_word(path))
		return error_set(err, ERROR_INVALID, "'%s' is no API path: it has a blank or control character", path);
	strbuf_addf(sb, "%s %s HTTP/1.1\r\nHost: berth\r\nUser-Agent: berth/" BERTH_VERSION "\r\n", method,
		    path);
	return 0;
}

int client_send(struct client *c, const void *data, size_t len, struct error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot send to berthd at '%s'", c->socket_path);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- reading an answer: callbacks of http-parser */

static void header_end(struct exchange *x)
{
	char **to = NULL;

	if (!strcasecmp(x->field.buf, "etag"))
		to = &x->etag;
	else if (!strcasecmp(x->field.buf, "location"))
		to = &x->location;
	else if (!strcasecmp(x->field.buf, "content-disposition"))
		to = &x->disposition;
	else if (!strcasecmp(x->field.buf, "x-lxd-type"))
		to = &x->type;
	else if (!strcasecmp(x->field.buf, "x-lxd-mode"))
		to = &x->mode;
	else if (!strcasecmp(x->field.buf, "sec-websocket-accept"))
		to = &x->accept;
	if (to && !*to)
		*to = mem_strdup(x->value.buf);
	strbuf_reset(&x->field);
	strbuf_reset(&x->value);
}

static int on_header_field(http_parser *p, const char *at, size_t len)
{
	struct exchange *x = p->data;

	if (x->in_value)
		header_end(x);
	x->in_value = false;
	strbuf_add(&x->field, at, len);
	return 0;
}

static int on_header_value(http_parser *p, const char *at, size_t len)
{
	struct exchange *x = p->data;

	x->in_value = true;
	strbuf_add(&x->value, at, len);
	return 0;
}

static int on_headers_complete(http_parser *p)
{
	struct exchange *x = p->data;

	if (x->in_value)
		header_end(x);
	x->in_value = false;
	if (!x->open_file || p->status_code != 200 || !x->type || strcmp(x->type, "file") != 0)
		return 0;
	x->out_fd = x->open_file(x->mode ? (unsigned)strtoul(x->mode, NULL, 8) : 0, x->open_data, &x->open_err);
	return x->out_fd < 0 ? -1 : 0;
}

static int write_out(struct exchange *x, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = write(x->out_fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			x->out_errno = errno;
			return -1;
		}
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct exchange *x = p->data;

	if (x->out_fd >= 0 && p->status_code == 200)
		return write_out(x, at, len);
	if (x->body.len + len > CLIENT_BODY_MAX) {
		x->too_large = true;
		return -1;
	}
	strbuf_add(&x->body, at, len);
	return 0;
}

static int on_message_complete(http_parser *p)
{
	struct exchange *x = p->data;

	x->done = true;
	x->keep = http_should_keep_alive(p);
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void exchange_init(struct exchange *x)
{
	*x = (struct exchange){ .out_fd = -1 };
	http_parser_init(&x->parser, HTTP_RESPONSE);
	x->parser.data = x;
	strbuf_init(&x->field);
	strbuf_init(&x->value);
	strbuf_init(&x->body);
}

void exchange_clear(struct exchange *x)
{
	strbuf_clear(&x->field);
	strbuf_clear(&x->value);
	strbuf_clear(&x->body);
	free(x->etag);
	free(x->location);
	free(x->disposition);
	free(x->type);
	free(x->mode);
	free(x->accept);
}

static int answer_failed(const struct exchange *x, struct error *err)
{
	enum http_errno e = HTTP_PARSER_ERRNO(&x->parser);

	if (x->open_err.code != ERROR_NONE) {
		*err = x->open_err;
		return -1;
	}
	if (x->out_errno)
		return error_sys(err, x->out_errno, "cannot write what berthd sent");
	if (x->too_large)
		return error_set(err, ERROR_TOO_LARGE, "the answer of berthd is larger than %u MiB",
				 CLIENT_BODY_MAX >> 20);
	return error_set(err, ERROR_TOOL, "the answer of berthd is no HTTP: %s", http_errno_description(e));
}

/* Feeds n bytes (0: the end of the stream). Answers 1xx but 101 are skipped. */
static int feed(struct client *c, struct exchange *x, const char *data, size_t n, struct error *err)
{
	size_t used = http_parser_execute(&x->parser, &settings, data, n);

	while (x->done && x->parser.status_code >= 100 && x->parser.status_code < 200 &&
	       x->parser.status_code != 101) {
		data += used;
		n -= used;
		exchange_clear(x);
		exchange_init(x);
		x->started = true;
		used = n ? http_parser_execute(&x->parser, &settings, data, n) : 0;
	}
	if (!x->done && (used != n || HTTP_PARSER_ERRNO(&x->parser) != HPE_OK))
		return answer_failed(x, err);
	if (x->done && used < n && x->parser.upgrade)
		strbuf_add(&c->in, data + used, n - used);
	else if (x->done && used < n)
		x->keep = false;
	return 0;
}

int client_receive(struct client *c, struct exchange *x, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(65536);
	int rc = 0;

	while (!x->done && rc == 0) {
		ssize_t n = recv(c->fd, buf, 65536, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = error_sys(err, errno, "cannot read from berthd at '%s'", c->socket_path);
		if (n > 0)
			x->started = true;
		if (n >= 0)
			rc = feed(c, x, buf, (size_t)n, err);
		if (n == 0 && !x->done && x->out_errno == 0) {
			rc = error_set(err, ERROR_UNAVAILABLE, x->started ?
				       "berthd closed the connection in the middle of its answer" :
				       "berthd closed the connection without an answer");
		}
	}
	if (rc < 0 || (!x->keep && !x->parser.upgrade))
		client_close(c);
	c->kept = c->fd >= 0;
	return rc;
}

void client_response(struct exchange *x, struct response *ret)
{
	struct error ignored = ERROR_INIT;

	*ret = (struct response){ .status = (int)x->parser.status_code };
	ret->etag = x->etag;
	ret->location = x->location;
	x->etag = x->location = NULL;
	ret->raw_len = x->body.len;
	ret->raw = strbuf_detach(&x->body);
	ret->envelope = json_parse(ret->raw, ret->raw_len, &ignored);
}
