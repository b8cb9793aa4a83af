/* SPDX-License-Identifier: MIT */
/*
 * Bytes between the descriptors of a child and the websockets of its operation,
 * with back-pressure both ways: a descriptor is read again when what was read is
 * written to the client, and the client is not read from while the child does
 * not take what it sent. What waits is at most one read (32 KiB) or two pieces.
 */
#ifndef BERTH_API_RELAY_H
#define BERTH_API_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "api/sockets.h"

/* From the child to a websocket. */
struct outflow;
typedef void (*outflow_end_cb)(void *data);
/*
 * fd (taken; nonblocking) is read to its end: EOF, EIO of a terminal, or the websocket closed. end fires once, from the
 * loop, with all that was read handed to the websocket.
 */
struct outflow *outflow_new(uv_loop_t *loop, int fd_taken, struct sockets *s, int which, outflow_end_cb end, void *data);
void outflow_written(struct outflow *o); /* of its websocket */
/*
 * The child has ended: what it left is read, and what others who hold the descriptor still write, until nothing came for
 * quiet_ms (0: until there is nothing).
 */
void outflow_child_ended(struct outflow *o, unsigned quiet_ms);
void outflow_stop(struct outflow *o); /* closes the descriptor; end fires if it did not yet, at once */
bool outflow_ended(const struct outflow *o);
void outflow_free(struct outflow *o); /* end does not fire any more; NULL is fine */

/* From a websocket to the child. */
struct inflow;
typedef void (*inflow_done_cb)(void *data);
/* fd: taken; nonblocking. done fires once, when all is written after inflow_end(), or the child takes no more. */
struct inflow *inflow_new(uv_loop_t *loop, int fd_taken, struct sockets *s, int which, inflow_done_cb done, void *data);
void inflow_piece(struct inflow *f, const void *bytes, size_t len);
void inflow_hold(struct inflow *f, bool held); /* nothing is written meanwhile */
void inflow_end(struct inflow *f); /* no more comes: closes the descriptor when all is written */
void inflow_free(struct inflow *f); /* NULL is fine */

#endif
