/* SPDX-License-Identifier: MIT */
/* What a request to the gateway asks for: a token to be claimed, or something of a session, with its cookie. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/settings.h"
#include "terminal/connection.h"

#define COOKIE_NAME "berth_terminal"

static void claim(struct connection *c, const char *token)
{
	struct terminals *ts = c->g->ts;
	struct token_claim claim = { 0 };
	struct error err = ERROR_INIT;
	struct session *s = NULL;
	char cookie[TOKEN_TEXT_SIZE];

	if (!tokens_claim(ts->tokens, token, uv_now(ts->b->loop), &claim)) {
		gateway_complain(c->g, c->address);
		connection_say(c, 403, "This URL has been used, has expired, or is wrong: each opens one terminal, once. "
			    "'berth terminal NAME' makes a new one.");
		return;
	}
	if (!terminals_instance_runs(ts, claim.name, claim.uuid))
		connection_say(c, 403, "The instance does not run any more.");
	else if (ts->n_sessions >= (size_t)ts->b->settings->terminal_max)
		connection_say(c, 503, "There are as many terminals as there may be (terminal_max): close one, then ask for a new URL.");
	else if (ttyd_check(ts->ttyd, &err) < 0 || !(s = session_start(ts, &claim, c->address, cookie, &err)))
		connection_say(c, 503, err.msg);
	if (err.code != ERROR_NONE)
		log_warning("terminal: '%s': %s", claim.name, err.msg);
	if (s) {
		AUTO_FREE char *fields = mem_printf("Location: /t/%s/\r\nSet-Cookie: " COOKIE_NAME "=%s; Path=/t/%s/; "
						    "HttpOnly; SameSite=Strict%s\r\n",
						    s->id, cookie, s->id, c->g->tls ? "; Secure" : "");
		const struct answer a = { .status = 303, .fields = fields, .text = "The terminal is at another address.",
					  .origins = ts->b->settings->terminal_origins };

		connection_answer(c, &a);
	}
	token_claim_clear(&claim);
}

/* The id of "/t/ID/…"; false when it is no such path. */
static bool split_path(const char *path, char ret_id[SESSION_ID_SIZE], const char **ret_rest)
{
	if (strncmp(path, "/t/", 3) != 0 || strspn(path + 3, "0123456789abcdef") != SESSION_ID_SIZE - 1)
		return false;
	memcpy(ret_id, path + 3, SESSION_ID_SIZE - 1);
	ret_id[SESSION_ID_SIZE - 1] = 0;
	*ret_rest = path + 3 + SESSION_ID_SIZE - 1;
	return **ret_rest == '/';
}

static bool cookie_fits(const struct head *h, const struct session *s)
{
	AUTO_FREE char *cookie = head_cookie(h, COOKIE_NAME);
	uint8_t hash[SECRET_HASH_SIZE];

	secret_hash(cookie ? cookie : "", hash);
	return cookie && s && secret_equal(hash, s->secret);
}

/*
 * A browser that a page elsewhere sent here does not send a strict cookie along with the redirected request. It does
 * when a page of ours sends it: this one, once.
 */
static void refuse(struct connection *c, const struct head *h, const char *rest)
{
	AUTO_FREE char *again = mem_printf("%s?again", h->path);
	struct answer a = { .status = 403, .fields = "",
			    .text = "This terminal is over, or it belongs to another browser. "
				    "'berth terminal NAME' makes an URL for a new one.",
			    .origins = c->g->ts->b->settings->terminal_origins };

	if (strcmp(rest, "/") == 0 && !*h->query)
		a.again = again;
	connection_answer(c, &a);
}

/* *data past the head: frames that came with it. */
static void to_session(struct connection *c, const struct head *h, struct session *s, const char *data, size_t len)
{
	AUTO_STRBUF struct strbuf request = STRBUF_INIT;

	head_for_ttyd(h, &request);
	if (h->websocket)
		strbuf_add(&request, data, len);
	strbuf_reset(&c->in);
	strbuf_add(&c->in, request.buf, request.len);
	c->websocket = h->websocket;
	c->session = s;
	LIST_INSERT_HEAD(&s->connections, c, of_session);
	c->head_open = true;
	c->phase = PHASE_CONNECT;
	connection_set_deadline(c, START_MS);
}

static bool taken(const struct session *s)
{
	const struct connection *c;

	LIST_FOREACH(c, &s->connections, of_session)
		if (c->websocket)
			return true;
	return s->connected;
}

static void route_session(struct connection *c, const struct head *h, const char *data, size_t len)
{
	char id[SESSION_ID_SIZE];
	const char *rest;
	struct session *s;

	if (!split_path(h->path, id, &rest)) {
		connection_say(c, 404, "There is nothing here.");
		return;
	}
	s = session_find(c->g->ts, id);
	if (!cookie_fits(h, s))
		refuse(c, h, rest);
	else if ((strcmp(rest, "/ws") == 0) != h->websocket)
		connection_say(c, 400, "The websocket is at ws, and nothing else is there.");
	else if (h->websocket && !gateway_origin_ok(c->g, h))
		connection_say(c, 403, "This page may not open a terminal here: its origin is not the one of this address, and not in "
			    "terminal_origins.");
	else if (h->websocket && taken(s))
		connection_say(c, 409, "This terminal is open already.");
	else
		to_session(c, h, s, data, len);
}

void connection_route(struct connection *c, const struct head *h, const char *data, size_t len)
{
	AUTO_FREE char *token = head_query(h, "token");

	if (!gateway_host_ok(c->g, h->field[HEAD_HOST]))
		connection_say(c, 421, "This host is not known by that name: see public_addr and terminal_origins in berth.conf.");
	else if (strcmp(h->path, "/") != 0)
		route_session(c, h, data, len);
	else if (token)
		claim(c, token);
	else
		connection_say(c, 403, "This is where berth's web terminals are. 'berth terminal NAME' makes an URL that opens one.");
}
