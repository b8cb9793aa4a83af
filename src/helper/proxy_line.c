/* SPDX-License-Identifier: MIT */
#include "helper/proxy_line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

size_t proxy_protocol_line(int client, char *buf, size_t size)
{
	struct sockaddr_storage peer = { 0 }, own = { 0 };
	socklen_t peer_len = sizeof(peer), own_len = sizeof(own);
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int n;

	if (getpeername(client, (struct sockaddr *)&peer, &peer_len) < 0 ||
	    getsockname(client, (struct sockaddr *)&own, &own_len) < 0 || peer.ss_family != own.ss_family ||
	    (peer.ss_family != AF_INET && peer.ss_family != AF_INET6))
		return (size_t)snprintf(buf, size, "PROXY UNKNOWN\r\n");
	if (peer.ss_family == AF_INET) {
		const struct sockaddr_in *p = (const struct sockaddr_in *)&peer, *o = (const struct sockaddr_in *)&own;

		inet_ntop(AF_INET, &p->sin_addr, from, sizeof(from));
		inet_ntop(AF_INET, &o->sin_addr, to, sizeof(to));
		n = snprintf(buf, size, "PROXY TCP4 %s %s %u %u\r\n", from, to, ntohs(p->sin_port), ntohs(o->sin_port));
	} else {
		const struct sockaddr_in6 *p = (const struct sockaddr_in6 *)&peer, *o = (const struct sockaddr_in6 *)&own;

		inet_ntop(AF_INET6, &p->sin6_addr, from, sizeof(from));
		inet_ntop(AF_INET6, &o->sin6_addr, to, sizeof(to));
		n = snprintf(buf, size, "PROXY TCP6 %s %s %u %u\r\n", from, to, ntohs(p->sin6_port),
			     ntohs(o->sin6_port));
	}
	return (size_t)n;
}
