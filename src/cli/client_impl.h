/* SPDX-License-Identifier: MIT */
/* What the client_*.c files share; nobody else includes this. */
#ifndef BERTH_CLI_CLIENT_IMPL_H
#define BERTH_CLI_CLIENT_IMPL_H

#include <http_parser.h>

#include "base/strbuf.h"
#include "cli/client.h"

#define CLIENT_BODY_MAX (256u << 20) /* of an answer kept in memory */

struct client {
	char *socket_path;
	int fd;           /* -1: not connected */
	bool kept;        /* from an earlier exchange */
	bool quiet;
	bool debug;
	struct strbuf in; /* read past the last answer: only after an upgrade */
};

/* One answer being read. */
struct exchange {
	http_parser parser;
	bool started;  /* bytes of the answer came */
	bool done;
	bool keep;     /* the connection may be used again */
	bool in_value;
	struct strbuf field, value; /* the header being read */
	char *etag, *location, *disposition, *accept, *type, *mode;
	struct strbuf body;
	int out_fd;    /* where the body of a 200 goes; -1: into body */
	int (*open_file)(unsigned mode, void *data, struct error *err); /* where that of a "file" goes, or NULL */
	void *open_data;
	struct error open_err; /* of open_file */
	int out_errno;
	bool too_large;
};

void exchange_init(struct exchange *x);
void exchange_clear(struct exchange *x);

int client_connect(struct client *c, struct error *err); /* when not connected or the server has hung up */
void client_close(struct client *c);
/* Request line and the headers every request has; -1 when the path has bytes that no path may have. */
int client_head(struct strbuf *sb, const char *method, const char *path, struct error *err);
int client_send(struct client *c, const void *data, size_t len, struct error *err);
/* Reads one answer; closes the connection unless both sides keep it. After an upgrade c->in has what came
 * behind. */
int client_receive(struct client *c, struct exchange *x, struct error *err);
/* Takes the parts of x. */
void client_response(struct exchange *x, struct response *ret);

/* -1 when the answer is an error: its text, the code from its status. */
int client_check(const struct response *r, const char *method, const char *path, struct error *err);
/* The id of an async answer's operation (caller frees), NULL for a sync one. */
char *client_operation_id(const struct response *r);

/* Websocket in steps, for poll loops: step reads what is there (blocks when wait) and returns false at the
 * end. */
struct client_ws;
struct client_ws *client_ws_open(struct client *c, const char *path,
				 bool (*on_text)(const char *text, size_t len, void *data), void *data,
				 struct error *err);
bool client_ws_step(struct client_ws *ws);
void client_ws_free(struct client_ws *ws);

/* Shows the progress of an operation until c's socket is readable; interrupts cancel it. -1: interrupted
 * twice. */
int client_follow(struct client *c, const char *operation_id, struct error *err);

#endif
