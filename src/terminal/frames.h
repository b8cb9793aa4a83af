/* SPDX-License-Identifier: MIT */
/*
 * Follows the frames of a websocket (RFC 6455 5.2) that is passed on as it is, to tell data from the pings and pongs
 * that a browser and ttyd exchange by themselves: those are no sign that somebody is there.
 */
#ifndef BERTH_TERMINAL_FRAMES_H
#define BERTH_TERMINAL_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames { /* zeroed at the start of the stream */
	uint8_t head[14];
	size_t head_len;
	uint64_t left; /* bytes of the payload still to come */
	bool control;
};

/* True when the bytes have to do with a data frame. */
bool frames_feed(struct frames *f, const void *data, size_t len);

#endif
