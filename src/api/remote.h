/* SPDX-License-Identifier: MIT */
/*
 * The HTTPS listener of core.https_address: TLS in front of the one HTTP server. A connection's TLS ends here; what it
 * carries goes through a socket pair that http_adopt() serves like any other connection, so that every route, upload and
 * websocket works over it. Clients are asked for a certificate and may show any, or none: what they then may do is
 * decided per request (request_trusted(), access.h).
 *
 * Bounds: 10 s for a handshake; 64 connections that are not trusted (the oldest gives way), and together not more than
 * half of what the HTTP server takes, so that strangers never keep out who comes through the unix socket.
 */
#ifndef BERTH_API_REMOTE_H
#define BERTH_API_REMOTE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"

struct remote *remote_new(struct berthd *b, const char *state_path);
void remote_free(struct remote *r); /* cuts all connections; NULL is fine */
/* LXD's form with the port: "10.0.0.1" -> "10.0.0.1:8443"; NULL with err: it is no address. Caller frees. */
char *remote_canonical(const char *address, struct error *err);
/*
 * Listens there, and no longer where it did; "" or NULL: nowhere. On failure it goes on where it was. Connections that
 * are there stay.
 */
int remote_listen(struct remote *r, const char *address, struct error *err);
bool remote_listens(const struct remote *r);
/* ["10.0.0.1:8443"]: where clients may find it, each address of the host for one that is every address. */
cJSON *remote_addresses(const struct remote *r);
/*
 * The server's own certificate (<state_path>/server.crt and server.key), made when there is none. NULL with err: what is
 * there cannot be used. Borrowed.
 */
const struct x509 *remote_certificate(struct remote *r, struct error *err);

#endif
