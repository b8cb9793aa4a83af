/* SPDX-License-Identifier: MIT */
/* HAProxy's line, version 1, which tells a server who its client is. */
#ifndef BERTH_HELPER_PROXY_LINE_H
#define BERTH_HELPER_PROXY_LINE_H

#include <stddef.h>

/* "PROXY TCP4 10.0.0.1 10.0.0.2 1234 80\r\n" of a connected socket, "PROXY UNKNOWN\r\n" of a unix one; its length. */
size_t proxy_protocol_line(int client, char *buf, size_t size);

#endif
