/* SPDX-License-Identifier: MIT */
#include "host/link_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { DATAGRAM_MAX = 65536, RECEIVE_BUFFER = 1 << 20 };

struct link_watch {
	uv_poll_t poll;
	int fd;
	void (*cb)(const char *name, void *data); /* NULL: stopped */
	void *data;
};

/* ---- messages */

/* Its name, or NULL. A port that leaves a bridge is told as deleted from it (AF_BRIDGE): it is still there. */
static const char *deleted_name(const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	size_t left = h->nlmsg_len - NLMSG_HDRLEN, head = NLMSG_ALIGN(sizeof(*info));
	const char *p = (const char *)info + head;

	if (h->nlmsg_type != RTM_DELLINK || left < head || info->ifi_family != AF_UNSPEC)
		return NULL;
	left -= head;
	while (left >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)p;
		size_t step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > left)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == IFLA_IFNAME)
			return memchr(p + NLA_HDRLEN, '\0', a->nla_len - NLA_HDRLEN) != NULL ? p + NLA_HDRLEN : NULL;
		if (step >= left)
			return NULL;
		p += step;
		left -= step;
	}
	return NULL;
}

void link_parse(const void *data, size_t len, void (*cb)(const char *name, void *data), void *cb_data)
{
	const char *p = data;

	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)p;
		const char *name;
		size_t step;

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return;
		name = deleted_name(h);
		if (name != NULL)
			cb(name, cb_data);
		step = NLMSG_ALIGN(h->nlmsg_len);
		if (step >= len)
			return;
		p += step;
		len -= step;
	}
}

/* ---- the watch */

static void told(const char *name, void *data)
{
	struct link_watch *w = data;

	if (w->cb != NULL)
		w->cb(name, w->data);
}

static void poll_cb(uv_poll_t *handle, int status, int events)
{
	static char buf[DATAGRAM_MAX] __attribute__((aligned(4)));
	struct link_watch *w = handle->data;
	struct sockaddr_nl from;
	socklen_t from_len;
	ssize_t n;

	while (w->cb != NULL) {
		from_len = sizeof(from);
		n = recvfrom(w->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_len);
		if (n > 0 && from.nl_pid != 0)
			continue; /* not the kernel */
		if (n > (ssize_t)sizeof(buf) || (n < 0 && errno == ENOBUFS))
			told(NULL, w);
		else if (n > 0)
			link_parse(buf, (size_t)n, told, w);
		else if (n == 0 || errno != EINTR)
			return;
	}
}

static int open_socket(struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	int group = RTNLGRP_LINK, size = RECEIVE_BUFFER;

	if (fd < 0)
		return error_sys(err, errno, "cannot open a netlink socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)); /* what does not fit is ENOBUFS */
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0 &&
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0)
		return fd;
	error_sys(err, errno, "cannot hear of changes of network interfaces");
	close(fd);
	return -1;
}

struct link_watch *link_watch_start(uv_loop_t *loop, void (*cb)(const char *name, void *data), void *data,
				    struct error *err)
{
	int fd = open_socket(err);
	struct link_watch *w;

	if (fd < 0)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->fd = fd;
	w->cb = cb;
	w->data = data;
	w->poll.data = w;
	uv_poll_init(loop, &w->poll, fd);
	uv_poll_start(&w->poll, UV_READABLE, poll_cb);
	uv_unref((uv_handle_t *)&w->poll);
	return w;
}

static void closed_cb(uv_handle_t *handle)
{
	struct link_watch *w = handle->data;

	close(w->fd);
	free(w);
}

void link_watch_stop(struct link_watch *w)
{
	if (w == NULL)
		return;
	w->cb = NULL;
	uv_close((uv_handle_t *)&w->poll, closed_cb);
}
