/* SPDX-License-Identifier: MIT */
/* The client's side of a migration's websockets: another server's operation, by https. */
#ifndef BERTH_HELPER_MIGRATE_DIAL_H
#define BERTH_HELPER_MIGRATE_DIAL_H

#include <cjson/cJSON.h>

#include "base/error.h"

/*
 * spec: {"operation": "https://HOST:PORT/1.0/operations/UUID", "certificate": PEM that the server must have the key of, or
 * missing: one that the host trusts}. Returns a stream socket that carries the frames, after the handshake. TLS is
 * spoken by a process of its own, which is nobody and ends when the socket is closed, or when we end.
 */
int migrate_dial(const cJSON *spec, const char *secret, struct error *err);

/* "HTTP/1.1 101 …" with the right answer to key? ERROR_FORBIDDEN etc. with what the server says; head ends with NUL. */
int migrate_dial_check(const char *head, const char *key, struct error *err);

#endif
