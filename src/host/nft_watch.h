/* SPDX-License-Identifier: MIT */
/*
 * Hears when somebody takes a table of ours out of the kernel's nftables, or rules or chains out of it: `nft flush
 * ruleset`, a reload of the host's firewall. The owner then puts its table back.
 *
 * cb fires from the loop, 100 ms after the last such change (doubling to 30 s while it goes on: two programs that
 * fight must not eat the machine), and not when a NEWTABLE or NEWRULE followed, as in the transactions in which the
 * owner itself replaces its table. When the kernel dropped messages, it fires for every table: cb must be idempotent.
 */
#ifndef BERTH_HOST_NFT_WATCH_H
#define BERTH_HOST_NFT_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "berthd.h"

struct nft_watch;

/*
 * table: its bare name, in the family inet. Replaces an earlier cb for this table. -1 with err when the kernel has no
 * nftables; nothing is watched then. data is borrowed until nft_watch_remove() or the end of the daemon. cb returns whether it puts
 * the table back: false when it took it away itself, which does not count as a fight.
 */
int nft_watch_add(struct berthd *b, const char *table, bool (*cb)(void *data), void *data, struct error *err);
void nft_watch_remove(struct berthd *b, const char *table); /* an unknown one is fine */
void nft_watch_free(struct berthd *b); /* no callback from now on */

/* What a datagram of the kernel says of a table: for nft_parse(). */
enum nft_news { NFT_NEWS_LOST, NFT_NEWS_MADE };
/* Calls cb for each message of interest in a datagram (aligned to 4); nonsense ends it. */
void nft_parse(const void *data, size_t len, void (*cb)(const char *table, enum nft_news news, void *data),
	       void *cb_data);

#endif
