/* SPDX-License-Identifier: MIT */
/* sd_notify(3)'s protocol: a datagram to the socket named by NOTIFY_SOCKET. Does nothing without it. */
#ifndef BERTH_HOST_NOTIFY_H
#define BERTH_HOST_NOTIFY_H

void notify_ready(void);
void notify_stopping(void);

#endif
