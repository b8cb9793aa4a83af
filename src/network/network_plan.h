/* SPDX-License-Identifier: MIT */
/*
 * What a bridge's object means, as texts for tools: pure, but for network_batch_*(), which look at the interface so as to
 * say only what is to be changed.
 */
#ifndef BERTH_NETWORK_PLAN_H
#define BERTH_NETWORK_PLAN_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/argv.h"
#include "base/strbuf.h"
#include "model/address_maps.h"

struct network_side { /* one family */
	struct address address; /* the host's; family 0: none */
	unsigned prefix;
	char subnet[INET6_ADDRSTRLEN + 4]; /* "10.1.2.0/24", or "" */
	char gateway[INET6_ADDRSTRLEN];    /* the address as text, or "" */
};
void network_side(const cJSON *object, int family, struct network_side *ret);

/* Have two bridges the same subnet of one family? Then that, else NULL. out is for the text. */
const char *network_same_subnet(const cJSON *a, const cJSON *b, char out[INET6_ADDRSTRLEN + 4]);

#define NETWORK_TABLE_SIZE 64
void network_table(const char *name, char out[NETWORK_TABLE_SIZE]); /* of nftables, family inet */

/* The interface that nics use: a bridge's own name, parent or PARENT.VLAN else. */
void network_interface(const cJSON *object, char out[16]);
/* Of the bridge: bridge.hwaddr, or always the same one for a name below this state folder. */
void network_hwaddr(const cJSON *object, const char *state_path, char out[18]);

/* For `ip -batch -`: the interface itself, and then what lies on it. old: what the object was, or NULL. "" is nothing. */
void network_batch_link(const cJSON *object, const char *state_path, struct strbuf *out);
void network_batch_addresses(const cJSON *object, const cJSON *old, struct strbuf *out);
/* For `nft -f -`: the table replaced whole; object NULL: removed. */
void network_nft(const char *name, const cJSON *object, struct strbuf *out);
bool network_has_table(const cJSON *object);

struct network_paths {
	const char *leases, *hosts, *reservations, *raw, *pid;
	const char *user;
};
/* dnsmasq's command line; empty when it has nothing to do for this object. */
void network_dnsmasq(const cJSON *object, const struct network_paths *paths, struct argv *out);
bool network_is_bridge(const cJSON *object);
/* A boolean of the config, with its default. */
bool network_flag(const cJSON *object, const char *key, bool def);
const char *network_value(const cJSON *object, const char *key); /* NULL when unset, "" or "none" */

#endif
