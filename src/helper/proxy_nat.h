/* SPDX-License-Identifier: MIT */
/* The nftables rules of a proxy device with nat=true: a table of its own, made and removed by `nft -f -`. */
#ifndef BERTH_HELPER_PROXY_NAT_H
#define BERTH_HELPER_PROXY_NAT_H

#include "base/endpoint.h"
#include "base/strbuf.h"

/* What makes the table, in place of one that is there. table: letters, digits and _. */
void proxy_nat_rules(const char *table, const struct endpoint *listen, const struct endpoint *connect,
		     struct strbuf *out);
int proxy_nat_add(const char *table, const struct endpoint *listen, const struct endpoint *connect, struct error *err);
void proxy_nat_remove(const char *table, int family);

#endif
