/* SPDX-License-Identifier: MIT */
#include "api/sockets.h"

#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/router.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define CONNECT_MS 5000
#define WINDOWS_MAX 12
#define PING_MS 10000
#define CLOSE_NORMAL 1000
#define SECRET_BYTES 32
#define TEXT_MAX 4096

/* Lives as long as its operation or its websocket, whichever ends last. */
struct socket {
	struct sockets *of; /* NULL: the operation is gone */
	int which;
	char secret[2 * SECRET_BYTES + 1];
	bool used;
	struct websocket *ws;
	char *text; /* the message that comes in, TEXT_MAX bytes */
	size_t text_len;
};

struct sockets {
	struct socket *socket[SOCKETS_N]; /* NULL: it has none */
	unsigned required;
	bool expecting, ready;
	unsigned windows; /* gone by */
	const struct sockets_handler *handler;
	void *data;
	uv_timer_t timer; /* the window, then pings */
};

static const char *const names[] = { "0", "1", "2", "control" };

struct sockets *sockets_new(uv_loop_t *loop, unsigned which, unsigned required, const struct sockets_handler *handler,
			    void *data)
{
	struct sockets *s = mem_alloc(sizeof(*s));

	s->required = required;
	s->handler = handler;
	s->data = data;
	for (int i = 0; i < SOCKETS_N; i++) {
		if (!(which & 1u << i))
			continue;
		s->socket[i] = mem_alloc(sizeof(struct socket));
		s->socket[i]->of = s;
		s->socket[i]->which = i;
		ident_random_hex(s->socket[i]->secret, SECRET_BYTES);
	}
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	return s;
}

static void socket_free(struct socket *k)
{
	free(k->text);
	free(k);
}

static void timer_closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

void sockets_free(struct sockets *s)
{
	if (!s)
		return;
	for (int i = 0; i < SOCKETS_N; i++) {
		struct socket *k = s->socket[i];

		if (!k)
			continue;
		k->of = NULL;
		if (k->ws)
			websocket_close(k->ws, CLOSE_NORMAL);
		else if (!k->used)
			socket_free(k); /* else its closed_cb() comes */
	}
	uv_close((uv_handle_t *)&s->timer, timer_closed_cb);
}

cJSON *sockets_fds(const struct sockets *s)
{
	cJSON *fds = cJSON_CreateObject();

	for (int i = 0; i < SOCKETS_N; i++)
		if (s->socket[i])
			json_set_str(fds, names[i], s->socket[i]->secret);
	return fds;
}

/* ---- connecting */

static void ping_cb(uv_timer_t *timer)
{
	const struct sockets *s = timer->data;

	for (int i = 0; i < SOCKETS_N; i++)
		if (sockets_open(s, i) && !websocket_pending(s->socket[i]->ws))
			websocket_ping(s->socket[i]->ws);
}

static bool complete(const struct sockets *s)
{
	for (int i = 0; i < SOCKETS_N; i++)
		if ((s->required & 1u << i) && !sockets_open(s, i))
			return false;
	return true;
}

static void check_complete(struct sockets *s)
{
	if (!s->expecting || !complete(s))
		return;
	s->expecting = false;
	uv_timer_start(&s->timer, ping_cb, PING_MS, PING_MS);
	s->handler->ready(s->data);
}

void sockets_listen(struct sockets *s)
{
	s->ready = true;
	for (int i = 0; i < SOCKETS_N; i++)
		if (sockets_open(s, i))
			websocket_pause(s->socket[i]->ws, false);
}

/* uv_now() when a client last opened one, of any operation */
static uint64_t last_opened;

/* While clients stand in line at our door it is not their fault. */
static void late_cb(uv_timer_t *timer)
{
	struct sockets *s = timer->data;
	uint64_t since = uv_now(timer->loop) - last_opened;

	if (since < CONNECT_MS && ++s->windows < WINDOWS_MAX) {
		uv_timer_start(timer, late_cb, CONNECT_MS - since, 0);
		return;
	}
	s->expecting = false;
	s->handler->late(s->data);
}

void sockets_expect(struct sockets *s)
{
	s->expecting = true;
	uv_timer_start(&s->timer, late_cb, CONNECT_MS, 0);
	check_complete(s);
}

static void opened_cb(struct websocket *ws, void *data)
{
	struct socket *k = data;

	if (!k->of) {
		websocket_close(ws, CLOSE_NORMAL);
		return;
	}
	k->ws = ws;
	last_opened = uv_now(k->of->timer.loop);
	websocket_pause(ws, !k->of->ready); /* nobody is there yet to take what it sends */
	check_complete(k->of);
}

static void keep_text(struct socket *k, const void *piece, size_t len)
{
	if (!k->text)
		k->text = mem_alloc(TEXT_MAX);
	if (len > TEXT_MAX - k->text_len)
		len = TEXT_MAX - k->text_len;
	if (len > 0)
		memcpy(k->text + k->text_len, piece, len);
	k->text_len += len;
}

static void piece_cb(struct websocket *ws, bool text, bool end, const void *piece, size_t len, void *data)
{
	struct socket *k = data;

	if (!k->of)
		return;
	if (!text) {
		if (len > 0)
			k->of->handler->piece(k->of->data, k->which, piece, len);
		return;
	}
	keep_text(k, piece, len);
	if (!end)
		return;
	len = k->text_len;
	k->text_len = 0;
	k->of->handler->text(k->of->data, k->which, k->text, len);
}

static void written_cb(struct websocket *ws, void *data)
{
	struct socket *k = data;

	if (k->of)
		k->of->handler->written(k->of->data, k->which);
}

static void closed_cb(struct websocket *ws, void *data)
{
	struct socket *k = data;

	k->ws = NULL;
	if (k->of)
		k->of->handler->closed(k->of->data, k->which);
	if (!k->of) {
		socket_free(k);
		return;
	}
	k->used = false; /* nobody but the operation points here any more … */
	k->secret[0] = 0; /* … and nobody can open it again */
}

static const struct websocket_handler websocket_handler = {
	.on_open = opened_cb,
	.on_close = closed_cb,
	.on_piece = piece_cb,
	.on_written = written_cb,
};

/* All are compared, each in the same time whatever differs. */
static struct socket *find_secret(const struct sockets *s, const char *secret)
{
	struct socket *found = NULL;

	for (int i = 0; i < SOCKETS_N; i++)
		if (s->socket[i] && text_same_secret(s->socket[i]->secret, secret))
			found = s->socket[i];
	return found;
}

void sockets_connect(struct sockets *s, struct request *r)
{
	const char *secret = request_query(r, "secret");
	struct socket *k = secret ? find_secret(s, secret) : NULL;

	if (!k || k->used) {
		reply_errorf(r, ERROR_FORBIDDEN, "not authorized");
	} else {
		k->used = true;
		reply_websocket(r, &websocket_handler, k);
	}
}

/* ---- once they are */

bool sockets_open(const struct sockets *s, int which)
{
	return s->socket[which] && s->socket[which]->ws;
}

int sockets_send(struct sockets *s, int which, const void *bytes, size_t len)
{
	return sockets_open(s, which) ? websocket_send_binary(s->socket[which]->ws, bytes, len) : -1;
}

int sockets_send_end(struct sockets *s, int which)
{
	return sockets_open(s, which) ? websocket_send_text(s->socket[which]->ws, "", 0) : -1;
}

bool sockets_pending(const struct sockets *s, int which)
{
	return sockets_open(s, which) && websocket_pending(s->socket[which]->ws);
}

void sockets_pause(struct sockets *s, int which, bool paused)
{
	if (sockets_open(s, which))
		websocket_pause(s->socket[which]->ws, paused);
}

void sockets_close(struct sockets *s, int which)
{
	if (sockets_open(s, which))
		websocket_close(s->socket[which]->ws, CLOSE_NORMAL);
}
