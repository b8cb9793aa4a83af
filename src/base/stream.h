/* SPDX-License-Identifier: MIT */
/* The two ends of a connection as non-blocking byte streams: a socket, or TLS on one (GnuTLS). */
#ifndef BERTH_BASE_STREAM_H
#define BERTH_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* A certificate and its key. Counted: connections that use it keep it. */
struct tls;
struct tls *tls_load(const char *cert_file, const char *key_file, struct error *err);
/* From now on clients are asked for a certificate of theirs. It may be any, or none: who it is is for the caller. */
void tls_ask_client(struct tls *t);
void tls_unref(struct tls *t); /* NULL is fine */

struct stream {
	int fd; /* owned; -1: none */
	struct tls *tls;
	void *session;      /* gnutls_session_t, or NULL */
	size_t sending;     /* of a record that is half out */
	bool greeted;       /* the handshake is done */
};

/* Takes fd. tls may be NULL. */
void stream_open(struct stream *s, int fd, struct tls *tls);
void stream_close(struct stream *s);
/* 1: done (or nothing to do), 0: not yet, -1: it failed. */
int stream_greet(struct stream *s);
/* The client's certificate (DER) after the handshake, which proved that it has the key; NULL: it showed none. Borrowed. */
const void *stream_peer_certificate(const struct stream *s, size_t *ret_len);
bool stream_wants_write(const struct stream *s); /* what the handshake waits for */
/* Bytes; 0: the end; -EAGAIN; another -errno when it is broken. */
ssize_t stream_read(struct stream *s, void *buf, size_t size);
/* Bytes taken; -EAGAIN: the same bytes must come again, first; another -errno. */
ssize_t stream_write(struct stream *s, const void *data, size_t len);
bool stream_pending(const struct stream *s); /* bytes were read from the socket and wait in here */
void stream_finish(struct stream *s);        /* no more will be written */

#endif
