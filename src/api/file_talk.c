/* SPDX-License-Identifier: MIT */
#include "api/file_talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/chunk.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/file.h"

struct file_talk {
	const struct file_talk_handler *handler;
	void *data;
	struct file_session *session;
	uv_poll_t poll;
	struct strbuf out;  /* not taken yet */
	struct strbuf in;   /* the answer, with its length before it, and no byte more */
	bool answered;      /* on_answer was called */
	bool eof;           /* the program's end is closed, or it takes no more */
};

static void poll_cb(uv_poll_t *poll, int status, int events);

static void update_poll(struct file_talk *t)
{
	int events = (t->eof || t->answered ? 0 : UV_READABLE) | (t->out.len > 0 && !t->eof ? UV_WRITABLE : 0);

	if (events != 0)
		uv_poll_start(&t->poll, events, poll_cb);
	else
		uv_poll_stop(&t->poll);
}

static void answer(struct file_talk *t, const cJSON *head, const struct error *err)
{
	t->answered = true;
	uv_poll_stop(&t->poll);
	t->handler->on_answer(head, err, t->data); /* may close it */
}

static enum error_code code_of(int64_t status)
{
	static const enum error_code codes[] = { ERROR_INVALID,	 ERROR_FORBIDDEN,   ERROR_NOT_FOUND,
						 ERROR_CONFLICT, ERROR_UNSUPPORTED };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (status == error_http_status(codes[i]))
			return codes[i];
	return ERROR_TOOL;
}

static void parse_answer(struct file_talk *t)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *head = json_parse(t->in.buf + CHUNK_HEAD, t->in.len - CHUNK_HEAD, &err);
	int64_t status = json_int(head, "status", 0);

	if (head != NULL && status != 200)
		error_set(&err, code_of(status), "%s", json_str_or(head, "error", "berth-file said nothing"));
	answer(t, err.code == ERROR_NONE ? head : NULL, &err);
}

/* How many bytes the answer lacks, as far as is known. */
static size_t missing(const struct file_talk *t)
{
	size_t len;

	if (t->in.len < CHUNK_HEAD)
		return CHUNK_HEAD - t->in.len;
	len = chunk_len((const unsigned char *)t->in.buf);
	return len <= CHUNK_MAX ? CHUNK_HEAD + len - t->in.len : 0;
}

static void read_answer(struct file_talk *t)
{
	char buf[4096];
	size_t want;

	while (!t->eof && (want = missing(t)) > 0) {
		ssize_t n = recv(file_session_fd(t->session), buf, want < sizeof(buf) ? want : sizeof(buf), MSG_DONTWAIT);

		if (n > 0)
			strbuf_add(&t->in, buf, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			t->eof = true; /* why is told by session_cb() */
		else if (errno == EAGAIN)
			return;
	}
	if (!t->eof)
		parse_answer(t);
}

static void write_out(struct file_talk *t)
{
	while (t->out.len > 0 && !t->eof) {
		ssize_t n = send(file_session_fd(t->session), t->out.buf, t->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			strbuf_drop_front(&t->out, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			strbuf_clear(&t->out); /* it has ended, or will not read: it says why */
	}
}

static void poll_cb(uv_poll_t *poll, int status, int events)
{
	struct file_talk *t = poll->data;
	bool waited = t->out.len > 0;

	if ((events & UV_READABLE) != 0 || status < 0) {
		read_answer(t);
		if (t->answered)
			return;
	}
	write_out(t);
	update_poll(t);
	if (waited && t->out.len == 0 && t->handler->on_drain != NULL)
		t->handler->on_drain(t->data);
}

static void session_cb(const struct error *err, void *data)
{
	struct file_talk *t = data;
	struct error none = ERROR_INIT;

	if (!t->answered)
		read_answer(t); /* its last words */
	if (t->answered) /* or closed */
		return;
	if (err->code == ERROR_NONE)
		error_set(&none, ERROR_TOOL, "berth-file ended without an answer");
	answer(t, NULL, err->code == ERROR_NONE ? &none : err);
}

struct file_talk *file_talk_open(struct berthd *b, const char *name, struct argv *verb, const struct file_talk_handler *handler,
				 void *data, struct error *err)
{
	struct file_talk *t = mem_alloc(sizeof(*t));

	t->handler = handler;
	t->data = data;
	strbuf_init(&t->out);
	strbuf_init(&t->in);
	t->session = file_session_open(b, name, verb, session_cb, t, err);
	if (t->session == NULL) {
		free(t);
		return NULL;
	}
	uv_poll_init(b->loop, &t->poll, file_session_fd(t->session));
	t->poll.data = t;
	update_poll(t);
	return t;
}

bool file_talk_send(struct file_talk *t, const void *bytes, size_t len)
{
	const char *p = bytes;

	do {
		size_t n = len < CHUNK_MAX ? len : CHUNK_MAX;
		unsigned char head[CHUNK_HEAD];

		chunk_head(head, (uint32_t)n);
		strbuf_add(&t->out, head, sizeof(head));
		strbuf_add(&t->out, p, n);
		p += n;
		len -= n;
	} while (len > 0);
	if (t->eof || t->answered) {
		strbuf_clear(&t->out);
		return true;
	}
	write_out(t);
	update_poll(t);
	return t->out.len == 0;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

static void talk_free(struct file_talk *t)
{
	uv_poll_stop(&t->poll);
	t->answered = true;
	strbuf_clear(&t->out);
	strbuf_clear(&t->in);
	uv_close((uv_handle_t *)&t->poll, closed_cb);
}

struct file_session *file_talk_take(struct file_talk *t)
{
	struct file_session *s = t->session;

	file_session_forget(s);
	t->session = NULL;
	talk_free(t);
	return s;
}

void file_talk_close(struct file_talk *t)
{
	file_session_close(t->session);
	talk_free(t);
}
