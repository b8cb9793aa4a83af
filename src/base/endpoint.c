/* SPDX-License-Identifier: MIT */
#include "base/endpoint.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"

static const char *const kind_names[] = { "tcp", "udp", "unix" };

const char *endpoint_kind_name(enum endpoint_kind kind)
{
	return kind_names[kind];
}

static bool is_port(const char *s, size_t len, unsigned *ret)
{
	unsigned value = 0;

	if (len < 1 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		value = value * 10 + (unsigned)(s[i] - '0');
	}
	*ret = value;
	return value >= 1 && value <= 65535;
}

/* "80" or "80-90" */
static int add_range(struct endpoint *e, const char *s, size_t len, struct error *err)
{
	const char *dash = memchr(s, '-', len);
	size_t first_len = dash ? (size_t)(dash - s) : len;
	unsigned first, last;

	if (!is_port(s, first_len, &first) ||
	    !is_port(dash ? dash + 1 : s, dash ? len - first_len - 1 : len, &last))
		return error_set(err, ERROR_INVALID, "Invalid port number \"%.*s\": ports are 1 to 65535",
				 (int)(len < 40 ? len : 40), s);
	if (first > last)
		return error_set(err, ERROR_INVALID, "Invalid port range \"%.*s\": it runs backwards", (int)len, s);
	if (last - first >= ENDPOINT_PORTS_MAX - e->n_ports)
		return error_set(err, ERROR_INVALID, "Invalid ports: more than %d", ENDPOINT_PORTS_MAX);
	for (unsigned port = first; port <= last; port++)
		e->ports[e->n_ports++] = (uint16_t)port;
	return 0;
}

static int parse_ports(const char *s, struct endpoint *e, struct error *err)
{
	for (;;) {
		size_t len = strcspn(s, ",");

		if (add_range(e, s, len, err) < 0)
			return -1;
		s += len;
		if (!*s++)
			return 0;
	}
}

/* "127.0.0.1:80", "[::1]:80", ":80" */
static int parse_inet(const char *s, struct endpoint *e, struct error *err)
{
	const char *colon = strrchr(s, ':');
	size_t len = colon ? (size_t)(colon - s) : 0;
	struct in6_addr bytes;

	if (!colon)
		return error_set(err, ERROR_INVALID, "Invalid address \"%.60s\": it has no port", s);
	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
		e->family = AF_INET6;
	} else {
		e->family = len > 0 ? AF_INET : AF_INET6;
	}
	if (len >= sizeof(e->host))
		return error_set(err, ERROR_INVALID, "Invalid address \"%.60s\"", s);
	memcpy(e->host, len > 0 ? s : "::", len > 0 ? len : 3);
	if (inet_pton(e->family, e->host, &bytes) != 1)
		return error_set(err, ERROR_INVALID,
				 "Invalid address \"%s\": it must be an IPv4 address or an IPv6 one in brackets",
				 e->host);
	return parse_ports(colon + 1, e, err);
}

static int parse_unix(const char *s, struct endpoint *e, struct error *err)
{
	size_t len = strlen(s);

	e->family = AF_UNIX;
	if (len >= sizeof(e->path))
		return error_set(err, ERROR_INVALID, "Invalid unix socket \"%.60s…\": more than %zu characters", s,
				 sizeof(e->path) - 1);
	if (!text_is_line(s))
		return error_set(err, ERROR_INVALID, "Invalid unix socket: control characters");
	if ((s[0] != '/' && s[0] != '@') || len < 2)
		return error_set(err, ERROR_INVALID,
				 "Invalid unix socket \"%s\": it must be an absolute path, or @ and a name", s);
	memcpy(e->path, s, len + 1);
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret, struct error *err)
{
	size_t len = strcspn(text, ":");

	memset(ret, 0, sizeof(*ret));
	for (unsigned kind = 0; kind < 3 && text[len] == ':'; kind++) {
		if (strlen(kind_names[kind]) != len || strncmp(text, kind_names[kind], len) != 0)
			continue;
		ret->kind = (enum endpoint_kind)kind;
		text += len + 1;
		return ret->kind == ENDPOINT_UNIX ? parse_unix(text, ret, err) : parse_inet(text, ret, err);
	}
	return error_set(err, ERROR_INVALID, "Unknown connection type \"%.*s\": tcp, udp or unix",
			 (int)(len < 40 ? len : 40), text);
}

bool endpoint_is_any(const struct endpoint *e)
{
	return strcmp(e->host, "0.0.0.0") == 0 || strcmp(e->host, "::") == 0;
}

static socklen_t unix_address(const struct endpoint *e, struct sockaddr_un *sun)
{
	size_t len = strlen(e->path);

	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, e->path, len + 1);
	if (e->path[0] == '@') {
		sun->sun_path[0] = '\0';
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	}
	return (socklen_t)sizeof(*sun);
}

socklen_t endpoint_address(const struct endpoint *e, size_t i, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (e->kind == ENDPOINT_UNIX)
		return unix_address(e, (struct sockaddr_un *)ret);
	if (e->family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(e->ports[i]);
		inet_pton(AF_INET, e->host, &sin->sin_addr);
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(e->ports[i]);
	inet_pton(AF_INET6, e->host, &sin6->sin6_addr);
	return sizeof(*sin6);
}
