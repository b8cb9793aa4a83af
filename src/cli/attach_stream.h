/* SPDX-License-Identifier: MIT */
/* The streams of an attached command, for attach.c. */
#ifndef BERTH_CLI_ATTACH_STREAM_H
#define BERTH_CLI_ATTACH_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <termios.h>

#include "base/error.h"
#include "cli/attach.h"

/* One direction of bytes between two descriptors. */
struct attach_relay {
	int from, to; /* -1: over */
	bool own_from, own_to;
	bool terminal_end; /* ^D instead of closing */
	size_t len, done;
	char buf[16384];
};

#define ATTACH_POLL_N 6

struct attach_streams {
	bool inherited; /* a terminal that lxc-attach takes over itself */
	int child[3];   /* the child's streams: -1 = as ours */
	int master;     /* of the pty that stands in for a terminal, or -1; relays[1] owns it */
	char slave[64]; /* its other side, for the child: lxc-attach wants it to be its controlling terminal */
	bool waiting;   /* for lxc-attach to be ready for input */
	bool raw;       /* our standard input was put into raw mode */
	struct termios saved;
	struct attach_relay relays[3];
};

int attach_streams_open(struct attach_streams *s, enum attach_terminal terminal, struct error *err);
void attach_streams_spawned(struct attach_streams *s); /* closes the child's ends */
/* Returns the timeout for poll. */
int attach_streams_poll(struct attach_streams *s, struct pollfd p[ATTACH_POLL_N]);
void attach_streams_step(struct attach_streams *s, const struct pollfd p[ATTACH_POLL_N]);
void attach_streams_resize(const struct attach_streams *s);
/* What the child left behind; somebody it started may hold the pipes open, so only what is there by now. */
void attach_streams_drain(struct attach_streams *s);
void attach_streams_close(struct attach_streams *s);

#endif
