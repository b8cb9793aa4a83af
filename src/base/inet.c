/* SPDX-License-Identifier: MIT */
#include "base/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

void inet_text(const struct sockaddr_storage *from, socklen_t len, char out[INET_TEXT_SIZE])
{
	const struct sockaddr_in6 *six = (const void *)from;

	if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], out, INET_TEXT_SIZE);
		return;
	}
	if (getnameinfo((const void *)from, len, out, INET_TEXT_SIZE, NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(out, INET_TEXT_SIZE, "?");
}

int inet_listen(const struct addrinfo *a)
{
	int one = 1, zero = 0, sys;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	sys = errno;
	close(fd);
	return -sys;
}
