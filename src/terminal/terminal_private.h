/* SPDX-License-Identifier: MIT */
/* What terminal.c, gateway.c, connection.c and session.c share. */
#ifndef BERTH_TERMINAL_PRIVATE_H
#define BERTH_TERMINAL_PRIVATE_H

#include <sys/queue.h>
#include <time.h>
#include <uv.h>

#include "base/ident.h"
#include "base/inet.h"
#include "base/strbuf.h"
#include "base/stream.h"
#include "proc/proc.h"
#include "terminal/frames.h"
#include "terminal/head.h"
#include "terminal/terminal.h"
#include "terminal/token.h"
#include "terminal/ttyd.h"

/* ---- limits, in milliseconds where they are times */
#define CONNECTIONS_MAX 256     /* the oldest that is no terminal in use gives way */
#define HEAD_MS 10000           /* for TLS and the request's head, together */
#define ANSWER_MS 30000         /* for an answer of ours to be taken, or a page of ttyd's */
#define DRAIN_MS 2000           /* to go on reading what was refused */
#define START_MS 10000          /* for ttyd to listen */
#define START_RETRY_MS 5
#define UNUSED_MS 60000         /* for the browser to come with its websocket */
#define SWEEP_MS 500
#define COMPLAIN_MS 10000       /* between two lines about wrong tokens */
#define SESSION_ID_SIZE 33
#define ADDRESS_SIZE INET_TEXT_SIZE

LIST_HEAD(connection_list, connection);
TAILQ_HEAD(connection_queue, connection);
TAILQ_HEAD(session_list, session);

struct session {
	TAILQ_ENTRY(session) link;
	struct terminals *ts;
	char id[SESSION_ID_SIZE];
	uint8_t secret[SECRET_HASH_SIZE]; /* of the cookie */
	char *name, *uuid; /* the instance's */
	char *host;        /* that the URL named */
	char *socket;
	char address[ADDRESS_SIZE];
	char created[TIME_TEXT_SIZE];
	struct proc *proc; /* NULL: it is over */
	const char *ending; /* why it is being ended; NULL: it runs */
	bool connected;    /* a websocket came */
	uint64_t started, active; /* uv_now() */
	time_t created_at;
	uint64_t bytes_in, bytes_out;
	struct connection_list connections;
};

struct gateway {
	struct terminals *ts;
	int fd;
	uv_poll_t poll;
	struct tls *tls; /* or NULL */
	size_t connections;
	struct connection_queue queue; /* oldest first; without terminals in use */
	uint64_t complained;
	unsigned wrong; /* tokens since then */
};

struct terminals {
	struct berthd *b;
	terminal_event_cb event;
	struct ttyd *ttyd;
	struct tokens *tokens;
	struct gateway *gateway; /* NULL: closed */
	struct session_list sessions;
	size_t n_sessions;
	uv_timer_t sweep; /* runs while there is a session or a token */
	bool freeing;
};

/* terminal.c */
void terminals_sweep_on(struct terminals *ts);
void terminals_session_over(struct terminals *ts); /* one is out of the list */
bool terminals_instance_runs(const struct terminals *ts, const char *name, const char *uuid);
char *terminals_uuid(const struct terminals *ts, const char *name); /* "" when it has none; caller frees */

/* session.c */
struct session *session_start(struct terminals *ts, const struct token_claim *claim, const char *address,
			      char ret_cookie[TOKEN_TEXT_SIZE], struct error *err);
void session_end(struct session *s, const char *why); /* why: a constant */
void session_sweep(struct session *s, uint64_t now);
struct session *session_find(struct terminals *ts, const char *id);
cJSON *session_json(const struct session *s);

/* gateway.c */
struct gateway *gateway_open(struct terminals *ts, struct error *err);
void gateway_close(struct gateway *g);
bool gateway_host_ok(const struct gateway *g, const char *host); /* a Host header's */
bool gateway_origin_ok(const struct gateway *g, const struct head *h);
void gateway_complain(struct gateway *g, const char *address);

/* connection.c */
void connection_new(struct gateway *g, int fd_taken, const char *address);
void connection_abort(struct connection *c); /* now */
void connection_session_over(struct connection *c, const char *why); /* answers when it can still be answered */
void connection_sweep(struct connection *c, uint64_t now);
struct connection *connection_next(struct connection *c); /* in the gateway's queue */
struct connection *connection_next_of_session(struct connection *c);

#endif
