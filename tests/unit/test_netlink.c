/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/netlink.h"

/* A message with one attribute; returns its length in the datagram. */
static size_t message(char *buf, unsigned type, const char *text, size_t len)
{
	struct nlmsghdr *h = (void *)buf;
	struct nlattr *a = (void *)(buf + NLMSG_HDRLEN + 4);

	memset(buf, 0, 64);
	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	memcpy((char *)a + NLA_HDRLEN, text, len);
	h->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + 4 + NLA_HDRLEN + len);
	return NLMSG_ALIGN(h->nlmsg_len);
}

static void one_after_the_other(void **state)
{
	_Alignas(4) char buf[256];
	size_t first = message(buf, 1, "a", 2), n = first + message(buf + first, 2, "four", 5);
	const struct nlmsghdr *h = netlink_next(buf, n, NULL);

	assert_ptr_equal(h, buf);
	assert_string_equal(netlink_text(h, 3, 1), "a"); /* what lies between is padding */
	assert_string_equal(netlink_text(h, 4, 1), "a");
	assert_null(netlink_text(h, 4, 2));
	h = netlink_next(buf, n, h);
	assert_ptr_equal(h, buf + first);
	assert_string_equal(netlink_text(h, 4, 2), "four");
	assert_null(netlink_next(buf, n, h));
	/* the padding of the last one may be missing */
	assert_ptr_equal(netlink_next(buf, first + h->nlmsg_len, (void *)buf), h);
	assert_null(netlink_next(buf, first + h->nlmsg_len - 1, (void *)buf));
}

static void nonsense(void **state)
{
	_Alignas(4) char buf[256];
	size_t n = message(buf, 1, "abc", 4);
	struct nlmsghdr *h = (void *)buf;
	struct nlattr *a = (void *)(buf + NLMSG_HDRLEN + 4);

	assert_null(netlink_next(buf, 0, NULL));
	assert_null(netlink_next(buf, sizeof(*h) - 1, NULL));
	assert_null(netlink_next(buf, n - 1, NULL));
	h->nlmsg_len = sizeof(*h) - 1;
	assert_null(netlink_next(buf, n, NULL));
	h->nlmsg_len = UINT32_MAX;
	assert_null(netlink_next(buf, n, NULL));
	h->nlmsg_len = NLMSG_HDRLEN;
	assert_null(netlink_text(h, 4, 1)); /* no header of its own */
	h->nlmsg_len = NLMSG_HDRLEN + 4;
	assert_null(netlink_text(h, 4, 1)); /* no attribute */
	message(buf, 1, "abc", 3);
	assert_null(netlink_text(h, 4, 1)); /* no end */
	message(buf, 1, "abc", 4);
	a->nla_len = NLA_HDRLEN - 1;
	assert_null(netlink_text(h, 4, 2));
	a->nla_len = NLA_HDRLEN + 5;
	assert_null(netlink_text(h, 4, 1));
	a->nla_len = NLA_HDRLEN;
	assert_null(netlink_text(h, 4, 1));
	message(buf, 1 | NLA_F_NESTED, "abc", 4);
	assert_string_equal(netlink_text(h, 4, 1), "abc");
}

/* ---- a socket of the kernel's own: nothing is changed by asking for the interfaces */

struct heard {
	unsigned datagrams, messages, lost;
	bool stopped, stop;
};

static void told(const void *datagram, size_t len, void *data)
{
	const struct nlmsghdr *h = NULL;
	struct heard *s = data;

	s->datagrams++;
	while ((h = netlink_next(datagram, len, h)) != NULL)
		s->messages += h->nlmsg_type == RTM_NEWLINK && netlink_text(h, sizeof(struct ifinfomsg), IFLA_IFNAME) != NULL;
	s->stopped = s->stop;
}

static void lost(void *data)
{
	((struct heard *)data)->lost++;
}

static int ask_for_links(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
	} request = { .h = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETLINK,
			     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	struct error err = ERROR_INIT;
	int fd = netlink_open(NETLINK_ROUTE, RTNLGRP_LINK, 1 << 20, "network interfaces", &err);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	return fd;
}

static void reads_until_there_is_no_more(void **state)
{
	struct heard s = { 0 };
	int fd = ask_for_links(); /* a dump is there when send() returns, each further part when one was read */

	netlink_read(fd, told, lost, &s.stopped, &s);
	assert_true(s.messages >= 1); /* lo */
	assert_int_equal(s.lost, 0);
	close(fd);
	s = (struct heard){ .stop = true };
	fd = ask_for_links();
	netlink_read(fd, told, lost, &s.stopped, &s);
	assert_int_equal(s.datagrams, 1);
	netlink_read(fd, told, lost, &s.stopped, &s);
	assert_int_equal(s.datagrams, 1);
	close(fd);
}

/* Anybody may send to a netlink socket whose id he knows. */
static void only_the_kernel_is_believed(void **state)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	_Alignas(4) char buf[64];
	socklen_t len = sizeof(to);
	struct heard s = { 0 };
	struct error err = ERROR_INIT;
	int fd = netlink_open(NETLINK_USERSOCK, 1, 1 << 16, "nothing", &err);
	int other = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
	size_t n = message(buf, 1, "x", 2);

	assert_true(fd >= 0 && other >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(sendto(other, buf, n, 0, (struct sockaddr *)&to, sizeof(to)), n);
	netlink_read(fd, told, lost, &s.stopped, &s);
	assert_int_equal(s.datagrams, 0);
	assert_int_equal(s.lost, 0);
	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	close(other);
}

static void what_the_kernel_lacks_is_an_error(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(netlink_open(31, 1, 1 << 16, "nothing", &err), -1);
	assert_non_null(strstr(err.msg, "cannot open a netlink socket"));
	error_clear(&err);
	assert_int_equal(netlink_open(NETLINK_ROUTE, 100000, 1 << 16, "wonders", &err), -1);
	assert_non_null(strstr(err.msg, "cannot hear of changes of wonders"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(reads_until_there_is_no_more),
		cmocka_unit_test(only_the_kernel_is_believed),
		cmocka_unit_test(what_the_kernel_lacks_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
