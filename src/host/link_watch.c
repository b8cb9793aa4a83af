/* SPDX-License-Identifier: MIT */
#include "host/link_watch.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/netlink.h"

enum { RECEIVE_BUFFER = 1 << 20 };

struct link_watch {
	uv_poll_t poll;
	int fd;
	bool stopped;
	void (*cb)(const char *name, void *data);
	void *data;
};

/* ---- messages */

/* Its name, or NULL. A port that leaves a bridge is told as deleted from it (AF_BRIDGE): it is still there. */
static const char *deleted_name(const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);

	if (h->nlmsg_type != RTM_DELLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_family != AF_UNSPEC)
		return NULL;
	return netlink_text(h, sizeof(*info), IFLA_IFNAME);
}

void link_parse(const void *data, size_t len, void (*cb)(const char *name, void *data), void *cb_data)
{
	const struct nlmsghdr *h = NULL;
	const char *name;

	while ((h = netlink_next(data, len, h)) != NULL)
		if ((name = deleted_name(h)) != NULL)
			cb(name, cb_data);
}

/* ---- the watch */

static void told(const char *name, void *data)
{
	struct link_watch *w = data;

	if (!w->stopped)
		w->cb(name, w->data);
}

static void read_datagram(const void *datagram, size_t len, void *data)
{
	link_parse(datagram, len, told, data);
}

static void lost(void *data)
{
	told(NULL, data);
}

static void poll_cb(uv_poll_t *handle, int status, int events)
{
	struct link_watch *w = handle->data;

	netlink_read(w->fd, read_datagram, lost, &w->stopped, w);
}

struct link_watch *link_watch_start(uv_loop_t *loop, void (*cb)(const char *name, void *data), void *data,
				    struct error *err)
{
	int fd = netlink_open(NETLINK_ROUTE, RTNLGRP_LINK, RECEIVE_BUFFER, "network interfaces", err);
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
	w->stopped = true;
	uv_close((uv_handle_t *)&w->poll, closed_cb);
}
