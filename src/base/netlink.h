/* SPDX-License-Identifier: MIT */
/* What the kernel tells of itself through netlink(7): a socket in one multicast group, and its messages taken apart. */
#ifndef BERTH_BASE_NETLINK_H
#define BERTH_BASE_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Non-blocking, in this group of this protocol. what: "network interfaces", for the error. -1 with err. */
int netlink_open(int protocol, int group, int receive_buffer, const char *what, struct error *err);

/*
 * Reads what is there. told: for each datagram of the kernel (aligned to 4), lost: when some did not fit. Either may close
 * the socket's owner down: *stopped, looked at before each read, ends it.
 */
void netlink_read(int fd, void (*told)(const void *datagram, size_t len, void *data), void (*lost)(void *data),
		  const bool *stopped, void *data);

/* The next message of a datagram, NULL at its end or at nonsense: for (h = NULL; (h = netlink_next(d, len, h));) */
const struct nlmsghdr *netlink_next(const void *datagram, size_t len, const struct nlmsghdr *before);

/* The text of the first attribute of this type behind a message's own header of `head` bytes, or NULL. */
const char *netlink_text(const struct nlmsghdr *h, size_t head, unsigned type);

#endif
