/* SPDX-License-Identifier: MIT */
#include "helper/proxy_common.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct epoll_event listener_event(const struct proxy_relay *r, size_t i, bool paused)
{
	return (struct epoll_event){ .events = paused ? 0 : EPOLLIN, .data.ptr = (void *)&r->listeners[i] };
}

int proxy_watch_listeners(const struct proxy_relay *r)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	for (size_t i = 0; epoll_fd >= 0 && i < r->n_listeners; i++) {
		struct epoll_event ev = listener_event(r, i, false);

		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, r->listeners[i], &ev) == 0)
			continue;
		close(epoll_fd);
		epoll_fd = -1;
	}
	return epoll_fd;
}

bool proxy_is_listener(const struct proxy_relay *r, const void *what, size_t *ret_i)
{
	const int *listener = what;

	if (listener < r->listeners || listener >= r->listeners + r->n_listeners)
		return false;
	*ret_i = (size_t)(listener - r->listeners);
	return true;
}

void proxy_pause_listeners(const struct proxy_relay *r, int epoll_fd, bool on)
{
	for (size_t i = 0; i < r->n_listeners; i++) {
		struct epoll_event ev = listener_event(r, i, on);

		epoll_ctl(epoll_fd, EPOLL_CTL_MOD, r->listeners[i], &ev);
	}
}

int proxy_socket(const struct proxy_relay *r)
{
	int type = r->listen->kind == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM;

	return socket(r->connect->family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int proxy_connect(const struct proxy_relay *r, size_t listener, int fd)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_address(r->connect, r->connect->n_ports > 1 ? listener : 0, &address);

	return connect(fd, (struct sockaddr *)&address, len) == 0 || errno == EINPROGRESS ? 0 : -1;
}
