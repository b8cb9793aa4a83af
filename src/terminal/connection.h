/* SPDX-License-Identifier: MIT */
/* What connection.c (the machine) and route.c (what a request asks for) share. */
#ifndef BERTH_TERMINAL_CONNECTION_H
#define BERTH_TERMINAL_CONNECTION_H

#include "terminal/terminal_private.h"

enum phase {
	PHASE_GREETING, /* TLS */
	PHASE_HEAD,     /* the request comes */
	PHASE_CONNECT,  /* ttyd does not listen yet */
	PHASE_SPLICE,
	PHASE_ANSWER,   /* one of ours goes out */
	PHASE_DRAIN,    /* it is out: what still comes is swallowed */
	PHASE_CLOSED,
};

struct connection {
	TAILQ_ENTRY(connection) queue;
	bool queued;
	LIST_ENTRY(connection) of_session;
	struct gateway *g;
	struct session *session; /* or NULL */
	enum phase phase;
	uint64_t deadline; /* uv_now(); 0: none */
	struct stream client;
	int up; /* ttyd's end, or -1 */
	uv_poll_t poll, up_poll;
	uv_timer_t retry;
	int handles;
	struct strbuf in, out; /* on the way to ttyd, and to the client */
	bool websocket;
	bool head_open; /* the head of ttyd's answer is not complete */
	bool client_eof, up_eof;
	struct frames frames_in, frames_out;
	char address[ADDRESS_SIZE];
};

/* route.c: puts c into PHASE_CONNECT or PHASE_ANSWER. data: what came behind the head. */
void connection_route(struct connection *c, const struct head *h, const char *data, size_t len);

/* connection.c */
void connection_answer(struct connection *c, const struct answer *a); /* leaves the session; PHASE_ANSWER */
void connection_say(struct connection *c, int status, const char *text); /* a page with that text */
void connection_set_deadline(struct connection *c, uint64_t ms);

#endif
