/* SPDX-License-Identifier: MIT */
/* What the relays of streams and of datagrams share: their listening sockets in an epoll set, and the way to the server. */
#ifndef BERTH_HELPER_PROXY_COMMON_H
#define BERTH_HELPER_PROXY_COMMON_H

#include "helper/proxy_relay.h"

/* An epoll set with all listeners, each with its address as data.ptr; -1 when the kernel gives none. */
int proxy_watch_listeners(const struct proxy_relay *r);
/* Is this data.ptr a listener's? Then which. */
bool proxy_is_listener(const struct proxy_relay *r, const void *what, size_t *ret_i);
void proxy_pause_listeners(const struct proxy_relay *r, int epoll_fd, bool on);

/* A non-blocking socket for the server of this listener, -1 with errno. */
int proxy_socket(const struct proxy_relay *r);
/* 0: connected, or it will be; -1 with errno: EAGAIN when a unix server's queue is full, which no event tells the end of. */
int proxy_connect(const struct proxy_relay *r, size_t listener, int fd);

#endif
