/* SPDX-License-Identifier: MIT */
/*
 * The head of a request to the gateway, parsed strictly, and the heads and pages that it answers with. What goes to
 * ttyd is written anew from the parts named here: nothing else of a client's head gets there.
 */
#ifndef BERTH_TERMINAL_HEAD_H
#define BERTH_TERMINAL_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

#define HEAD_MAX 8192 /* bytes, with the empty line */

enum head_field {
	HEAD_HOST,
	HEAD_ORIGIN,
	HEAD_COOKIE,
	HEAD_ACCEPT_ENCODING,
	HEAD_WS_KEY,
	HEAD_WS_VERSION,
	HEAD_WS_PROTOCOL,
	HEAD_WS_EXTENSIONS,
	HEAD_FIELDS,
};

struct head {
	char *path;                /* as it came, percent-encoded */
	char *query;               /* "" when there is none */
	char *field[HEAD_FIELDS];  /* or NULL */
	bool websocket;            /* asks for the switch to it */
};

/* Where the head ends (behind its empty line); 0: not yet. */
size_t head_end(const char *data, size_t len);
/*
 * ERROR_INVALID: malformed, not HTTP/1.1, a body, a field of ours twice, no Host. ERROR_UNSUPPORTED: not GET. err's
 * text is for the client. On failure head is empty.
 */
int head_parse(const char *data, size_t len, struct head *ret, struct error *err);
void head_clear(struct head *h);
/* The value of a cookie or of a member of the query, as it came; NULL when it is not there. Caller frees. */
char *head_cookie(const struct head *h, const char *name);
char *head_query(const struct head *h, const char *name);

/* The request to ttyd, which believes itself at http://berth. */
void head_for_ttyd(const struct head *h, struct strbuf *out);
/* Adds our fields to ttyd's answer, whose head (of len bytes) is complete. */
void head_from_ttyd(struct strbuf *answer, size_t len, const char *origins);

/*
 * A whole answer. fields: more lines of the head, each ended by CRLF, or "". text: a paragraph, plain; again: an
 * URL of ours that the page goes to by itself, or NULL. origins: those that may show it in a frame beside 'self'.
 */
struct answer {
	int status;
	const char *fields;
	const char *text;
	const char *again;
	const char *origins;
};
void head_answer(struct strbuf *out, const struct answer *a);

#endif
