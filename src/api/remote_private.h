/* SPDX-License-Identifier: MIT */
/* What remote.c (listening, accepting) and remote_connection.c share. */
#ifndef BERTH_API_REMOTE_PRIVATE_H
#define BERTH_API_REMOTE_PRIVATE_H

#include <sys/queue.h>
#include <uv.h>

#include "api/http_private.h"
#include "api/remote.h"
#include "base/inet.h"
#include "base/stream.h"

#define REMOTE_UNTRUSTED_MAX 64
#define REMOTE_MAX (HTTP_CONNECTIONS_MAX / 2)
#define REMOTE_GREET_MS 10000 /* for the handshake */
#define REMOTE_DRAIN_MS 10000 /* for what is still to be sent when the server has ended */
#define REMOTE_SWEEP_MS 500
#define REMOTE_BUFFER_MAX (64 * 1024)  /* of each direction */

TAILQ_HEAD(remote_queue, remote_connection);

struct remote {
	struct berthd *b;
	char *cert_file, *key_file;
	struct x509 *cert; /* NULL: not needed yet */
	struct tls *tls;   /* since it first listened */
	char *address;     /* canonical; NULL: it does not listen */
	int fd;
	uv_poll_t *poll;   /* of fd */
	size_t connections, n_strangers;
	struct remote_queue trusted, strangers; /* oldest first */
	uv_timer_t sweep;  /* runs while there are connections */
};

/* remote_connection.c */
void remote_connection_new(struct remote *r, int fd_taken, const char *host, unsigned port);
void remote_connection_abort(struct remote_connection *c);
void remote_connections_sweep(struct remote *r, uint64_t now);

#endif
