/* SPDX-License-Identifier: MIT */
#include "host/nft_watch.h"

#include <netinet/in.h> /* before the next */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"
#include "base/strmap.h"

enum { FIRST_MS = 100, LAST_MS = 30000, CALM_MS = 60000, RECEIVE_BUFFER = 4 << 20 };

struct watched {
	bool (*cb)(void *data);
	void *data;
	bool lost;
};

struct nft_watch {
	uv_poll_t poll;
	uv_timer_t timer;
	int fd;
	struct strmap *tables; /* name -> struct watched */
	unsigned delay_ms;
	uint64_t fired; /* the loop's ms */
};

/* ---- messages */

/* The table's name: attribute 1 of tables, chains and rules alike (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE). */
static const char *table_of(const struct nlmsghdr *h)
{
	const struct nfgenmsg *m = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || m->nfgen_family != NFPROTO_INET)
		return NULL;
	return netlink_text(h, sizeof(*m), NFTA_TABLE_NAME);
}

static bool news_of(const struct nlmsghdr *h, enum nft_news *ret)
{
	if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return false;
	switch (NFNL_MSG_TYPE(h->nlmsg_type)) {
	case NFT_MSG_DELTABLE:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_DELRULE:
		*ret = NFT_NEWS_LOST;
		return true;
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_NEWRULE:
		*ret = NFT_NEWS_MADE;
		return true;
	default:
		return false;
	}
}

void nft_parse(const void *data, size_t len, void (*cb)(const char *table, enum nft_news news, void *data),
	       void *cb_data)
{
	const struct nlmsghdr *h = NULL;
	enum nft_news news;
	const char *table;

	while ((h = netlink_next(data, len, h)) != NULL)
		if (news_of(h, &news) && (table = table_of(h)) != NULL)
			cb(table, news, cb_data);
}

/* ---- the watch */

static void fire_cb(uv_timer_t *timer)
{
	struct nft_watch *w = timer->data;
	const char **names = strmap_keys(w->tables);
	bool any = false;

	for (const char **n = names; *n != NULL; n++) {
		struct watched *t = strmap_get(w->tables, *n);

		if (t == NULL || !t->lost)
			continue;
		t->lost = false;
		if (!t->cb(t->data))
			continue; /* its owner's own doing */
		any = true;
		log_warning("nftables: somebody changed our table inet %s: putting it back", *n);
	}
	free(names);
	if (!any)
		return;
	w->fired = uv_now(timer->loop);
	w->delay_ms = w->delay_ms > LAST_MS / 2 ? LAST_MS : 2 * w->delay_ms;
}

static void fire_later(struct nft_watch *w)
{
	uint64_t now = uv_now(w->timer.loop);

	if (uv_is_active((uv_handle_t *)&w->timer))
		return;
	if (w->fired == 0 || now - w->fired > CALM_MS)
		w->delay_ms = FIRST_MS;
	uv_timer_start(&w->timer, fire_cb, w->delay_ms, 0);
}

static void told(const char *table, enum nft_news news, void *data)
{
	struct nft_watch *w = data;
	struct watched *t = strmap_get(w->tables, table);

	if (t == NULL)
		return;
	t->lost = news == NFT_NEWS_LOST;
	if (t->lost)
		fire_later(w);
}

static void all_lost(void *data)
{
	struct nft_watch *w = data;
	const char *name;
	void *value;
	size_t pos = 0;

	while (strmap_next(w->tables, &pos, &name, &value))
		((struct watched *)value)->lost = true;
	fire_later(w);
}

static void read_datagram(const void *datagram, size_t len, void *data)
{
	nft_parse(datagram, len, told, data);
}

static void poll_cb(uv_poll_t *handle, int status, int events)
{
	static const bool never = false; /* told() only starts a timer */
	struct nft_watch *w = handle->data;

	netlink_read(w->fd, read_datagram, all_lost, &never, w);
}

static void timer_closed_cb(uv_handle_t *handle)
{
	struct nft_watch *w = handle->data;

	close(w->fd);
	strmap_free(w->tables);
	free(w);
}

static void poll_closed_cb(uv_handle_t *handle)
{
	struct nft_watch *w = handle->data;

	uv_close((uv_handle_t *)&w->timer, timer_closed_cb);
}

static struct nft_watch *open_watch(struct berthd *b, struct error *err)
{
	struct nft_watch *w;
	int fd = netlink_open(NETLINK_NETFILTER, NFNLGRP_NFTABLES, RECEIVE_BUFFER, "nftables", err);

	if (fd < 0)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->fd = fd;
	w->tables = strmap_new(free);
	w->poll.data = w;
	w->timer.data = w;
	uv_timer_init(b->loop, &w->timer);
	uv_poll_init(b->loop, &w->poll, fd);
	uv_poll_start(&w->poll, UV_READABLE, poll_cb);
	uv_unref((uv_handle_t *)&w->poll);
	uv_unref((uv_handle_t *)&w->timer);
	return w;
}

int nft_watch_add(struct berthd *b, const char *table, bool (*cb)(void *data), void *data, struct error *err)
{
	struct watched *t;

	if (b->nft == NULL && (b->nft = open_watch(b, err)) == NULL)
		return -1;
	t = mem_alloc(sizeof(*t));
	t->cb = cb;
	t->data = data;
	strmap_put(b->nft->tables, table, t);
	return 0;
}

void nft_watch_remove(struct berthd *b, const char *table)
{
	if (b->nft != NULL)
		strmap_remove(b->nft->tables, table);
}

void nft_watch_free(struct berthd *b)
{
	if (b->nft == NULL)
		return;
	uv_close((uv_handle_t *)&b->nft->poll, poll_closed_cb);
	b->nft = NULL;
}
