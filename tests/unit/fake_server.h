/* SPDX-License-Identifier: MIT */
/*
 * A server on a unix socket that answers requests, in the order they come in
 * over any connection, with the bytes of a script; for tests of the client.
 */
#ifndef BERTH_TESTS_FAKE_SERVER_H
#define BERTH_TESTS_FAKE_SERVER_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

struct fake_answer {
	const char *bytes; /* NULL: the script's end */
	size_t len;        /* 0: strlen(bytes) */
	bool hang_up;      /* closes after it */
	bool early;        /* answers when it has seen the head of the request */
};

#define FAKE_REQUESTS_MAX 64

struct fake {
	char dir[64];
	char path[96];
	int listener;
	int stop[2];
	pthread_t thread;
	const struct fake_answer *script;
	char *requests[FAKE_REQUESTS_MAX]; /* head and body */
	size_t n;
	size_t connections;
};

struct fake_connection {
	int fd;
	struct strbuf in;
};

static inline size_t fake_body_len(const char *head)
{
	const char *p = strcasestr(head, "\r\nContent-Length:");

	return p ? (size_t)strtoul(p + 17, NULL, 10) : 0;
}

/* Whether a whole request (or its head, when early) is there; its length. */
static inline size_t fake_request_len(const struct strbuf *in, bool early)
{
	const char *end = strstr(in->buf, "\r\n\r\n");
	size_t len = end ? (size_t)(end - in->buf) + 4 : 0;

	if (!end || early)
		return end ? in->len : 0;
	if (strcasestr(in->buf, "chunked"))
		return in->len >= len + 5 && !memcmp(in->buf + in->len - 5, "0\r\n\r\n", 5) ? in->len : 0;
	len += fake_body_len(in->buf);
	return in->len >= len ? len : 0;
}

static inline void fake_write(int fd, const struct fake_answer *a)
{
	size_t len = a->len ? a->len : strlen(a->bytes);

	for (size_t done = 0; done < len;) {
		ssize_t n = send(fd, a->bytes + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

/* False when the connection is over. */
static inline bool fake_serve(struct fake *f, struct fake_connection *c)
{
	const struct fake_answer *a = &f->script[f->n];
	char buf[65536];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
	size_t len;

	if (n <= 0)
		return false;
	strbuf_add(&c->in, buf, (size_t)n);
	len = fake_request_len(&c->in, a->bytes && a->early);
	if (!len)
		return true;
	if (!a->bytes || f->n >= FAKE_REQUESTS_MAX)
		return false;
	f->requests[f->n++] = mem_strndup(c->in.buf, len);
	strbuf_drop_front(&c->in, len);
	fake_write(c->fd, a);
	return !a->hang_up;
}

static inline void *fake_run(void *data)
{
	struct fake *f = data;
	struct fake_connection c[16];
	size_t n = 0;

	for (;;) {
		struct pollfd p[18] = {{.fd = f->stop[0], .events = POLLIN},
				       {.fd = f->listener, .events = POLLIN}};

		for (size_t i = 0; i < n; i++)
			p[2 + i] = (struct pollfd){ .fd = c[i].fd, .events = POLLIN };
		if (poll(p, 2 + n, -1) < 0 || p[0].revents)
			break;
		for (size_t i = n; i-- > 0;) {
			if (!p[2 + i].revents || fake_serve(f, &c[i]))
				continue;
			close(c[i].fd);
			strbuf_clear(&c[i].in);
			c[i] = c[--n];
		}
		if (p[1].revents && n < 16) {
			c[n] = (struct fake_connection){ .fd = accept(f->listener, NULL, NULL) };
			strbuf_init(&c[n++].in);
			f->connections++;
		}
	}
	while (n-- > 0) {
		close(c[n].fd);
		strbuf_clear(&c[n].in);
	}
	return NULL;
}

static inline void fake_start(struct fake *f, const struct fake_answer *script)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memset(f, 0, sizeof(*f));
	f->script = script;
	snprintf(f->dir, sizeof(f->dir), "/tmp/berth-test-XXXXXX");
	if (!mkdtemp(f->dir) || pipe(f->stop) < 0)
		abort();
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->listener, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(f->listener, 16) < 0 ||
	    pthread_create(&f->thread, NULL, fake_run, f) != 0)
		abort();
}

static inline void fake_stop(struct fake *f)
{
	close(f->stop[1]);
	pthread_join(f->thread, NULL);
	close(f->stop[0]);
	close(f->listener);
	unlink(f->path);
	rmdir(f->dir);
	for (size_t i = 0; i < f->n; i++)
		free(f->requests[i]);
}

/* A sync or async answer with a Content-Length around json; caller frees. */
static inline char *fake_json(int status, const char *json)
{
	return mem_printf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			  status, strlen(json), json);
}

#endif
