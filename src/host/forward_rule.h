/* SPDX-License-Identifier: MIT */
/*
 * One port forward: checked, compared, and written as elements of nftables maps. Pure: neither looks at the host.
 *
 * As JSON (the API, state_path/forwards.json):
 *
 *   { "listen_address": "",        of the host; "" is every one (but 127.0.0.0/8 and ::1)
 *     "protocol": "tcp",           or udp
 *     "listen_port": "80",         ports and ranges, "80,8000-8010"; "auto" (or "0"): see forward.h
 *     "target_instance": "c1",     or
 *     "target_address": "10.7.0.5",
 *     "target_port": "",           "" is the same ports; one port for all; or as many as listen_port has, in their order
 *     "description": "",
 *     "force": false }             also a port that the host's sshd listens on, on every address
 */
#ifndef BERTH_HOST_FORWARD_RULE_H
#define BERTH_HOST_FORWARD_RULE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "model/address_maps.h"

enum { FORWARD_RANGES_MAX = 64 };

struct port_list {
	struct port_range {
		uint16_t first, last;
	} range[FORWARD_RANGES_MAX];
	unsigned n;
	unsigned total; /* ports in all of them, which do not overlap */
};
/* what names the value in messages: "listen_port" */
int port_list_parse(const char *what, const char *text, struct port_list *ret, struct error *err);
uint16_t port_list_at(const struct port_list *l, unsigned i); /* i < total */
bool port_list_overlap(const struct port_list *a, const struct port_list *b, uint16_t *ret_port);

struct forward_rule {
	bool udp, force;
	struct address listen; /* family 0: every address */
	struct port_list listen_ports;
	struct port_list target_ports;  /* n == 0: the same */
	const char *instance;           /* borrowed from the JSON, or NULL: */
	struct address target;
};
/* Unknown members are refused; those that forward_list() adds are known. */
int forward_rule_parse(const cJSON *entry, struct forward_rule *ret, struct error *err);
/* Would both forward some packet? Says which port. One address and every address (of its family) meet. */
bool forward_rule_conflict(const struct forward_rule *a, const struct forward_rule *b, uint16_t *ret_port);

/* ---- the ruleset of one berthd */

/* Maps and sets, in the order of the text. forward_rule.c counts on udp next to tcp, and 6 after 4. */
enum forward_map {
	FORWARD_TCP4, FORWARD_UDP4, FORWARD_TCP6, FORWARD_UDP6,
	FORWARD_TCP4_AT, FORWARD_UDP4_AT, FORWARD_TCP6_AT, FORWARD_UDP6_AT,
	FORWARD_ALL4_AT, FORWARD_ALL6_AT,
	FORWARD_TARGET4, FORWARD_TARGET6,
	FORWARD_SELF4, FORWARD_SELF6,
	FORWARD_HAIRPIN,
	FORWARD_MAPS
};
struct forward_rules {
	struct strbuf map[FORWARD_MAPS]; /* elements */
	unsigned elements;
};
void forward_rules_init(struct forward_rules *r);
void forward_rules_clear(struct forward_rules *r);
/* target's family decides which maps; a rule with a listen address of the other family adds nothing. */
void forward_rules_add(struct forward_rules *r, const struct forward_rule *rule, const struct address *target);
/* All that comes to `listen` and is in no other rule. */
void forward_rules_add_all(struct forward_rules *r, const struct address *listen, const struct address *target);
/* Once per bridge that targets are on: connections that leave where they came from must come back through us. */
void forward_rules_add_bridge(struct forward_rules *r, const char *bridge);
/* Input of `nft -f -` that replaces the table, or without an element removes it, in one transaction. */
void forward_rules_text(const struct forward_rules *r, const char *table, struct strbuf *out);

#endif
