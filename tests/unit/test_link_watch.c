/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "host/link_watch.h"

struct seen {
	unsigned n;
	char name[IFNAMSIZ];
};

static void see(const char *name, void *data)
{
	struct seen *s = data;

	s->n++;
	strncpy(s->name, name, sizeof(s->name) - 1);
}

/* One message about an interface; returns its length. */
static size_t message(char *buf, int type, int family, const char *name)
{
	struct nlmsghdr *h = (void *)buf;
	struct ifinfomsg *info = NLMSG_DATA(h);
	struct nlattr *a = (void *)(buf + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(*info)));

	memset(buf, 0, 128);
	h->nlmsg_type = (uint16_t)type;
	info->ifi_family = (unsigned char)family;
	a->nla_type = IFLA_IFNAME;
	a->nla_len = (uint16_t)(NLA_HDRLEN + strlen(name) + 1);
	memcpy((char *)a + NLA_HDRLEN, name, strlen(name) + 1);
	h->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(*info)) + NLA_ALIGN(a->nla_len));
	return h->nlmsg_len;
}

static void names_what_is_deleted(void **state)
{
	_Alignas(4) char buf[256];
	struct seen s = { 0 };
	size_t n = message(buf, RTM_DELLINK, AF_UNSPEC, "br0");

	n += message(buf + n, RTM_DELLINK, AF_UNSPEC, "br1");
	link_parse(buf, n, see, &s);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.name, "br1");
}

static void other_news_count_for_nothing(void **state)
{
	_Alignas(4) char buf[256];
	struct seen s = { 0 };

	link_parse(buf, message(buf, RTM_NEWLINK, AF_UNSPEC, "br0"), see, &s);
	link_parse(buf, message(buf, RTM_DELLINK, AF_BRIDGE, "veth1"), see, &s); /* a port that left its bridge */
	assert_int_equal(s.n, 0);
}

static void nonsense_ends_it(void **state)
{
	_Alignas(4) char buf[256];
	struct seen s = { 0 };
	size_t n = message(buf, RTM_DELLINK, AF_UNSPEC, "br0");

	for (size_t len = 0; len < n; len++)
		link_parse(buf, len, see, &s);
	((struct nlmsghdr *)(void *)buf)->nlmsg_len = 3;
	link_parse(buf, n, see, &s);
	n = message(buf, RTM_DELLINK, AF_UNSPEC, "br0");
	((struct nlattr *)(void *)(buf + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ifinfomsg))))->nla_len = 200;
	link_parse(buf, n, see, &s);
	n = message(buf, RTM_DELLINK, AF_UNSPEC, "br0");
	buf[n - 1] = 'x'; /* no end */
	((struct nlattr *)(void *)(buf + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ifinfomsg))))->nla_len = NLA_HDRLEN + 3;
	link_parse(buf, n, see, &s);
	assert_int_equal(s.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_what_is_deleted),
		cmocka_unit_test(other_news_count_for_nothing),
		cmocka_unit_test(nonsense_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
