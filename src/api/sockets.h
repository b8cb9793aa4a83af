/* SPDX-License-Identifier: MIT */
/*
 * The websockets of an operation of class "websocket" (exec, console): named as
 * in its metadata.fds ("0", "1", "2", "control"), each opened by
 * GET /1.0/operations/ID/websocket?secret=S with a secret that counts once.
 * Those that are required have 5 s from sockets_expect() on, as in LXD; when many
 * come at once, 5 s from the last that any operation's client opened, and 60 s at most.
 *
 * op_data() of such an operation begins with its struct sockets *.
 */
#ifndef BERTH_API_SOCKETS_H
#define BERTH_API_SOCKETS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

enum { SOCKET_STDIN, SOCKET_STDOUT, SOCKET_STDERR, SOCKET_CONTROL, SOCKETS_N };

struct request;
struct sockets;

/* All from the loop; which is one of SOCKET_*. None comes after sockets_free(). */
struct sockets_handler {
	void (*ready)(void *data); /* once: those required are connected; no piece or text comes before sockets_listen() */
	void (*late)(void *data);  /* instead: they are not, after 5 s */
	void (*piece)(void *data, int which, const void *bytes, size_t len);
	void (*text)(void *data, int which, const char *text, size_t len); /* a text message of at most 4 KiB, or its first bytes */
	void (*written)(void *data, int which); /* all that was sent is out */
	void (*closed)(void *data, int which);
};

/* names: bits 1 << SOCKET_*. data is borrowed. */
struct sockets *sockets_new(uv_loop_t *loop, unsigned which, unsigned required, const struct sockets_handler *handler,
			    void *data);
void sockets_free(struct sockets *s); /* closes them; NULL is fine */
cJSON *sockets_fds(const struct sockets *s); /* {"0": "64 hex digits", …} */
void sockets_expect(struct sockets *s);
void sockets_listen(struct sockets *s); /* after ready(): somebody is there to take what clients send, which waited so far */
/* Answers GET /1.0/operations/ID/websocket: 101, or 403 when the secret is none of ours or was used. */
void sockets_connect(struct sockets *s, struct request *r);

bool sockets_open(const struct sockets *s, int which);
int sockets_send(struct sockets *s, int which, const void *bytes, size_t len); /* -1: not open */
int sockets_send_end(struct sockets *s, int which); /* the empty text message that ends a stream */
bool sockets_pending(const struct sockets *s, int which); /* open, and not all is written */
void sockets_pause(struct sockets *s, int which, bool paused);
void sockets_close(struct sockets *s, int which);

#endif
