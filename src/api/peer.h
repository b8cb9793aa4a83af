/* SPDX-License-Identifier: MIT */
/*
 * Who a request came from, when that is not the unix socket (there the kernel has decided already): an address and the
 * certificate that was shown in the TLS handshake. Counted; shared by a connection and its requests.
 */
#ifndef BERTH_API_PEER_H
#define BERTH_API_PEER_H

#include <stddef.h>

#include "base/inet.h"

struct x509;

struct peer {
	unsigned users;
	char host[INET_TEXT_SIZE];        /* "10.0.0.1" */
	char address[INET_TEXT_SIZE + 8]; /* "10.0.0.1:51234", "[::1]:51234" */
	struct x509 *cert;                /* or NULL: it showed none */
};

struct peer *peer_new(const char *host, unsigned port);
struct peer *peer_ref(struct peer *p); /* NULL gives NULL */
void peer_unref(struct peer *p);       /* NULL is fine */

#endif
