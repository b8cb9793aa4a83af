/* SPDX-License-Identifier: MIT */
/*
 * Carries bytes between the clients of listening sockets and a server, for berth-proxy. One thread, no memory beyond
 * its connections; a slow reader stops its own writer only. Between two unix sockets descriptors go along.
 */
#ifndef BERTH_HELPER_PROXY_RELAY_H
#define BERTH_HELPER_PROXY_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/endpoint.h"

struct proxy_relay {
	const struct endpoint *listen, *connect;
	const int *listeners; /* one for each port of listen, or one; non-blocking */
	size_t n_listeners;
	bool proxy_protocol; /* tell the server of the client, by HAProxy's line (version 1) */
};

/* Serves until it is killed; -1 when the kernel gives no epoll. */
int proxy_relay_run(const struct proxy_relay *r);

#endif
