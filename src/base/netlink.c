/* SPDX-License-Identifier: MIT */
#include "base/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 65536 };

int netlink_open(int protocol, int group, int receive_buffer, const char *what, struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };

	if (fd < 0)
		return error_sys(err, errno, "cannot open a netlink socket");
	/* what does not fit is ENOBUFS */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof(receive_buffer));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0 &&
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0)
		return fd;
	error_sys(err, errno, "cannot hear of changes of %s", what);
	close(fd);
	return -1;
}

void netlink_read(int fd, void (*told)(const void *datagram, size_t len, void *data), void (*lost)(void *data),
		  const bool *stopped, void *data)
{
	static char buf[DATAGRAM_MAX] __attribute__((aligned(4)));
	struct sockaddr_nl from;
	socklen_t from_len;
	ssize_t n;

	while (!*stopped) {
		from_len = sizeof(from);
		n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_len);
		if (n > 0 && from.nl_pid != 0)
			continue; /* not the kernel */
		if (n > (ssize_t)sizeof(buf) || (n < 0 && errno == ENOBUFS))
			lost(data);
		else if (n > 0)
			told(buf, (size_t)n, data);
		else if (n == 0 || errno != EINTR)
			return;
	}
}

const struct nlmsghdr *netlink_next(const void *datagram, size_t len, const struct nlmsghdr *before)
{
	const char *start = datagram, *p = start;
	const struct nlmsghdr *h;

	if (before != NULL) {
		size_t at = (size_t)((const char *)before - start), step = NLMSG_ALIGN(before->nlmsg_len);

		if (step >= len - at)
			return NULL;
		p = (const char *)before + step;
		len -= at + step;
	}
	h = (const void *)p;
	return len >= sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= len ? h : NULL;
}

const char *netlink_text(const struct nlmsghdr *h, size_t head, unsigned type)
{
	size_t left = h->nlmsg_len - NLMSG_HDRLEN;
	const char *p = (const char *)h + NLMSG_HDRLEN + NLMSG_ALIGN(head);

	if (left < NLMSG_ALIGN(head))
		return NULL;
	left -= NLMSG_ALIGN(head);
	while (left >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)p;
		size_t step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > left)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return memchr(p + NLA_HDRLEN, '\0', a->nla_len - NLA_HDRLEN) != NULL ? p + NLA_HDRLEN : NULL;
		if (step >= left)
			return NULL;
		p += step;
		left -= step;
	}
	return NULL;
}
