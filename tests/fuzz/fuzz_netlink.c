/* SPDX-License-Identifier: MIT */
/* Datagrams of the kernel about nftables and interfaces; the first byte says what the loop over them is asked for. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "host/link_watch.h"
#include "base/netlink.h"
#include "host/nft_watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *start, *end; /* of the datagram: names point into it, and end in it */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_netlink: %s\n", what);
	abort();
}

static void check_text(const char *text)
{
	must(text >= start && text < end && memchr(text, '\0', (size_t)(end - text)), "a text that is not in the datagram");
}

static void table_cb(const char *table, enum nft_news news, void *data)
{
	check_text(table);
	must(news == NFT_NEWS_LOST || news == NFT_NEWS_MADE, "no news");
	++*(size_t *)data;
}

static void link_cb(const char *name, void *data)
{
	check_text(name);
	++*(size_t *)data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct nlmsghdr *h = NULL;
	size_t messages = 0, tables = 0, links = 0;
	AUTO_FREE char *copy = NULL;

	if (size == 0)
		return 0;
	copy = mem_alloc(size); /* aligned, and of just its size */
	memcpy(copy, data + 1, size - 1);
	start = copy;
	end = copy + size - 1;
	while ((h = netlink_next(start, size - 1, h))) {
		const char *text = netlink_text(h, data[0] % 32, data[0] / 32u);

		must((const char *)h + h->nlmsg_len <= end, "a message that leaves the datagram");
		if (text) {
			check_text(text);
			must(text < (const char *)h + h->nlmsg_len, "a text of another message");
		}
		messages++;
	}
	must(messages <= size / sizeof(*h), "messages that overlap");
	nft_parse(start, size - 1, table_cb, &tables);
	link_parse(start, size - 1, link_cb, &links);
	must(tables + links <= messages, "more news than messages");
	return 0;
}
