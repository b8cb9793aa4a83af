/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cmocka.h>

#include "host/network.h"
#include "host/nft_watch.h"

struct seen {
	unsigned n;
	char table[64];
	enum nft_news news;
};

static void see(const char *table, enum nft_news news, void *data)
{
	struct seen *s = data;

	s->n++;
	strncpy(s->table, table, sizeof(s->table) - 1);
	s->news = news;
}

/* One message about a table; returns its length. */
static size_t message(char *buf, int type, int family, const char *table)
{
	struct nlmsghdr *h = (void *)buf;
	struct nfgenmsg *g = (void *)(buf + NLMSG_HDRLEN);
	struct nlattr *a = (void *)(buf + NLMSG_HDRLEN + sizeof(*g));

	memset(buf, 0, 128);
	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	g->nfgen_family = (uint8_t)family;
	a->nla_type = NFTA_TABLE_NAME;
	a->nla_len = (uint16_t)(NLA_HDRLEN + strlen(table) + 1);
	strcpy((char *)a + NLA_HDRLEN, table);
	h->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + sizeof(*g) + NLA_ALIGN(a->nla_len));
	return h->nlmsg_len;
}

static void names_tables(void **state)
{
	_Alignas(4) char buf[256];
	struct seen s = { 0 };
	size_t n = message(buf, NFT_MSG_DELTABLE, NFPROTO_INET, "berth_x");

	nft_parse(buf, n, see, &s);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.table, "berth_x");
	assert_int_equal(s.news, NFT_NEWS_LOST);
	n += message(buf + n, NFT_MSG_NEWRULE, NFPROTO_INET, "berth_x");
	nft_parse(buf, n, see, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.news, NFT_NEWS_MADE);
}

static void passes_over_others(void **state)
{
	_Alignas(4) char buf[256];
	struct seen s = { 0 };

	nft_parse(buf, message(buf, NFT_MSG_DELTABLE, NFPROTO_IPV4, "berth_x"), see, &s);
	nft_parse(buf, message(buf, NFT_MSG_NEWSETELEM, NFPROTO_INET, "berth_x"), see, &s);
	assert_int_equal(s.n, 0);
}

static void survives_nonsense(void **state)
{
	_Alignas(4) char buf[256];
	struct seen s = { 0 };
	size_t n = message(buf, NFT_MSG_DELTABLE, NFPROTO_INET, "berth_x");

	for (size_t cut = 0; cut < n; cut++)
		nft_parse(buf, cut, see, &s);
	for (size_t i = 0; i < n; i++) {
		char old = buf[i];

		buf[i] = (char)0xff;
		nft_parse(buf, n, see, &s);
		buf[i] = 0;
		nft_parse(buf, n, see, &s);
		buf[i] = old;
	}
}

static void reads_states(void **state)
{
	struct host_network net;

	assert_true(host_network_parse("line /etc/subuid root:1:2\ndnsmasq\nnat lxcbr1 10.87.0.1/24 fd00:1:2:3::1/64 "
				       "berth_lxcbr1 lxc /run/berth\n",
				       &net));
	assert_string_equal(net.bridge, "lxcbr1");
	assert_string_equal(net.gateway4, "10.87.0.1");
	assert_int_equal(net.bits4, 24);
	assert_string_equal(net.gateway6, "fd00:1:2:3::1");
	assert_int_equal(net.bits6, 64);
	assert_string_equal(net.table, "berth_lxcbr1");
	assert_string_equal(net.domain, "lxc");
	assert_string_equal(net.files, "/run/berth");
	assert_true(net.dnsmasq);
	assert_true(host_network_parse("nat br 10.0.0.1/29 - t lxc /r\n", &net));
	assert_string_equal(net.gateway6, "");
	assert_false(net.dnsmasq);
	assert_false(host_network_parse("", &net));
	assert_false(host_network_parse("nat br 10.0.0.1 - t lxc /r\n", &net));
	assert_false(host_network_parse("nat br 10.0.0.300/24 - t lxc /r\n", &net));
	assert_false(host_network_parse("nat a-name-that-is-too-long 10.0.0.1/24 - t lxc /r\n", &net));
	assert_false(host_network_parse("nat br 10.0.0.1/24 - t\n", &net));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_tables),
		cmocka_unit_test(passes_over_others),
		cmocka_unit_test(survives_nonsense),
		cmocka_unit_test(reads_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
