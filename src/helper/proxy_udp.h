/* SPDX-License-Identifier: MIT */
/* Datagrams: each client has a socket towards the server, so that answers find their way, for a minute of silence. */
#ifndef BERTH_HELPER_PROXY_UDP_H
#define BERTH_HELPER_PROXY_UDP_H

#include "helper/proxy_relay.h"

/* Serves until it is killed; -1 when the kernel gives no epoll. */
int proxy_udp_run(const struct proxy_relay *r);

#endif
