/* SPDX-License-Identifier: MIT */
/* A request without a socket, answered into a struct. For test_router.c and fuzz_http_routes.c. */
#ifndef BERTH_TESTS_FAKE_REQUEST_H
#define BERTH_TESTS_FAKE_REQUEST_H

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/request.h"
#include "base/mem.h"

#define FAKE_BODY_MAX 65536

struct fake {
	const char *headers; /* "Name: value\n…" */
	char found[8][2048]; /* of the last look-ups */
	unsigned n_found;
	unsigned status;     /* 0: not answered */
	char *text;
	char *etag;
	char *location;
	int sent;
};

static const char *fake_header(const struct request *r, const char *name)
{
	struct fake *f = r->peer;
	char *found;
	const char *line;
	size_t n = strlen(name), len;

	for (line = f->headers; line && *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
			continue;
		line += n + 1;
		line += strspn(line, " ");
		len = strcspn(line, "\r\n");
		if (len >= sizeof(f->found[0]))
			return NULL;
		found = f->found[f->n_found++ % 8];
		memcpy(found, line, len);
		found[len] = 0;
		return found;
	}
	return NULL;
}

static void fake_send(struct request *r)
{
	struct fake *f = r->peer;

	f->sent++;
	f->status = r->reply.status;
	f->text = r->reply.text ? mem_strndup(r->reply.text, r->reply.len) : NULL;
	f->etag = mem_strdup(r->reply.etag);
	f->location = mem_strdup(r->reply.location);
}

static const struct request_transport fake_transport = { fake_header, fake_send, NULL, NULL, NULL };

/* The whole way of a request, its body in pieces. A handler that replies later finds its client gone. */
static inline void fake_run(struct fake *f, struct berthd *b, const char *method, const char *target,
			    const char *body, size_t len, size_t piece)
{
	struct request *r = request_new(b, &fake_transport, method, target);
	bool going;

	r->peer = f;
	going = router_route(r);
	while (going && len > 0) {
		size_t n = len < piece ? len : piece;

		going = request_body_data(r, body, n, FAKE_BODY_MAX);
		body += n;
		len -= n;
	}
	if (going)
		router_dispatch(r);
	if (f->sent)
		request_free(r);
	else
		request_gone(r);
}

static inline void fake_clear(struct fake *f)
{
	free(f->text);
	free(f->etag);
	free(f->location);
	memset(f, 0, sizeof(*f));
}

#endif
