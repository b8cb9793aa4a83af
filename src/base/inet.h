/* SPDX-License-Identifier: MIT */
/* Sockets of TCP: what two listeners share. */
#ifndef BERTH_BASE_INET_H
#define BERTH_BASE_INET_H

#include <netdb.h>
#include <sys/socket.h>

#define INET_TEXT_SIZE 64

/* "10.0.0.1", "fe80::1%eth0", "?"; an IPv4 address in IPv6's clothes is shown as what it is. */
void inet_text(const struct sockaddr_storage *from, socklen_t len, char out[INET_TEXT_SIZE]);
/* A non-blocking listening socket, IPv6's taking IPv4 too; or -errno. */
int inet_listen(const struct addrinfo *a);

#endif
