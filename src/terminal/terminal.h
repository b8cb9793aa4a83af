/* SPDX-License-Identifier: MIT */
/*
 * Web terminals: URLs whose token opens one shell in one container, once. The gateway on remote_port is the only
 * thing that listens; it starts one ttyd per session, on a socket of its own, and splices connections to it.
 */
#ifndef BERTH_TERMINAL_TERMINAL_H
#define BERTH_TERMINAL_TERMINAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"

struct terminals;

/* Told when a session opens: "instance-console"; context is taken. */
typedef void (*terminal_event_cb)(struct berthd *b, const char *action, const char *instance, cJSON *context_taken);

/* Nothing listens yet. The result goes to b->terminals. */
struct terminals *terminals_new(struct berthd *b, terminal_event_cb event);
/* terminal_close(), and frees itself on the loop, when the last session is over. NULL is fine. */
void terminals_free(struct terminals *ts);

/*
 * Opens the gateway on terminal_listen:remote_port; 0 when it is open already. ERROR_CONFLICT when the port is in
 * use, ERROR_INVALID when the certificate cannot be used.
 */
int terminal_listen(struct berthd *b, struct error *err);
/* Ends all sessions, forgets all tokens and closes the port (host unload). Idempotent. */
void terminal_close(struct berthd *b);
bool terminal_is_open(const struct berthd *b);

/*
 * cb fires once, as soon as it is known which ttyd is there: at once when it is known already, else from the loop
 * (ttyd is asked for its version, 5 s at most). Not after terminals_free().
 */
void terminal_ready(struct berthd *b, void (*cb)(void *data), void *data);

/*
 * To be called from terminal_ready()'s callback (else: ERROR_UNAVAILABLE, try again). Opens the gateway if need be.
 * request, may be NULL: {"ttl": seconds (1 to 86400; default terminal_ttl_s), "ip_addr": "host name or address
 * that the URL names"}. Result, the caller's:
 *   {"url": "http://HOST:7681/?arg=lxc-attach&arg=-n&arg=NAME&token=…", "token", "tty_port", "expires_at"}
 * ERROR_NOT_FOUND, ERROR_INVALID (not running, bad request), ERROR_UNSUPPORTED (no ttyd, or one that is too old),
 * ERROR_UNAVAILABLE (too many URLs wait), and those of terminal_listen().
 */
cJSON *terminal_create(struct berthd *b, const char *name, const cJSON *request, struct error *err);

/*
 * Sessions, oldest first: [{"id", "instance", "address" (the client's), "created_at", "connected" (a browser is
 * there), "idle_s", "expires_at", "bytes_in" (from the websocket), "bytes_out"}]
 */
cJSON *terminal_list(struct berthd *b);
cJSON *terminal_get(struct berthd *b, const char *id, struct error *err);
/* The session, its ttyd and its shell end; ERROR_NOT_FOUND. */
int terminal_kill(struct berthd *b, const char *id, struct error *err);

#endif
