/* SPDX-License-Identifier: MIT */
/*
 * One websocket of a migration (RFC 6455, frames by wslay), after its handshake, on a stream socket that is made
 * non-blocking. A stream on it is binary messages, ended by a text message, as LXD does it. Pings are answered.
 */
#ifndef BERTH_HELPER_MIGRATE_CHANNEL_H
#define BERTH_HELPER_MIGRATE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <wslay/wslay.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { CHANNEL_PIECE_MAX = 32 * 1024 };

struct channel {
	int fd; /* owned */
	bool client; /* we are: what we send is masked */
	bool broken; /* it ended, or broke the rules */
	wslay_frame_context_ptr wslay;
	/* what comes in */
	uint64_t frame_left;
	bool in_frame, in_message, in_text;
	unsigned char opcode;
	struct strbuf control; /* payload of a ping */
	/* what goes out */
	bool sending;
	struct wslay_frame_iocb out;
	struct strbuf pong;
	bool owes_pong;
};

void channel_open(struct channel *c, int fd_taken, bool client);
void channel_close(struct channel *c); /* a close frame, if there is room for it; then the connection */

/* A message of one frame; data stays until it is out. */
void channel_begin(struct channel *c, bool text, const void *data, size_t len);
/* 1: it is out (or there was none); 0: not yet, wait until it can be written; -1: broken */
int channel_push(struct channel *c);

struct channel_piece {
	bool text;
	bool end; /* the message's last */
	const void *data; /* until the next call */
	size_t len;
};
/* 1: a piece of a message; 0: nothing now; -1: broken, or the other side has closed */
int channel_pull(struct channel *c, struct channel_piece *ret);

/* ---- the same, waiting: at most timeout_ms without a byte moving */

int channel_send(struct channel *c, bool text, const void *data, size_t len, int timeout_ms, struct error *err);
/* One binary message of at most max bytes. */
int channel_receive(struct channel *c, size_t max, struct strbuf *out, int timeout_ms, struct error *err);
/* A whole stream of at most max bytes, to the text message. */
int channel_receive_stream(struct channel *c, size_t max, struct strbuf *out, int timeout_ms, struct error *err);

#endif
