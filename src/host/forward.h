/* SPDX-License-Identifier: MIT */
/*
 * Port forwards: state_path/forwards.json, and one nftables table of this
 * berthd's own (FORWARD_TABLE_SIZE), which is always replaced whole by one
 * `nft -f -`. Without a forward there is no table.
 *
 * Two kinds are kept: those of instances (forward_rule.h says what an entry
 * is), which follow the instance's addresses, and LXD's network forwards.
 * Changes are operations with the lock "forwards": checked, stored, given to
 * the kernel; when that fails, or berthd is killed, the store is as it was.
 * Everything else (an instance got another address, was renamed or deleted, the
 * table was deleted by hand) is noticed and put right in the background, and
 * tried again while nft fails.
 */
#ifndef BERTH_HOST_FORWARD_H
#define BERTH_HOST_FORWARD_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "model/address_maps.h"
#include "proc/op.h"

/* Of the table's name in the family inet: "berth_fwd_" and 8 hex digits that depend on state_path. */
#define FORWARD_TABLE_SIZE 24

/* Where an instance can be reached. */
struct forward_place {
	struct address ip4, ip6; /* family 0: nowhere now */
	char veth[16]; /* the host's end of its first bridged nic, "" when it does not run */
	bool waits;   /* it runs, and has yet to get an address: look again soon */
	bool dynamic; /* by DHCP: look again now and then */
};
/* False: there is no such instance. */
typedef bool (*forward_place_fn)(struct berthd *b, const char *instance, struct forward_place *ret);

/* Reads the store into b->forwards. Entries that make no sense (any more) are left out, with a warning. */
int forward_open(struct berthd *b, forward_place_fn place, struct error *err);
void forward_close(struct berthd *b); /* the table stays: containers go on running */
void forward_register(struct op_queue *q);

/* The kernel has what the store says, or will have: at start, on changes of instances, when the table vanished. Cheap
 * while there is nothing to do. */
void forward_reconcile(struct berthd *b);
/* The same, also when nothing seems to have changed. */
void forward_replace(struct berthd *b);
void forward_instance_gone(struct berthd *b, const char *name);
void forward_instance_renamed(struct berthd *b, const char *from, const char *to);

/*
 * Entries as in forward_rule.h, with "id" and "addresses": [] of the targets' present addresses. instance NULL: all,
 * those of network forwards too, which have a "network" (and the protocol "all" for what is in no port of theirs). A
 * new array.
 */
cJSON *forward_list(const struct berthd *b, const char *instance);

/*
 * Changes of one instance's forwards; target_instance in the entries may be left out. A listen_port "auto" (or "0")
 * becomes the first free one, or run of as many as target_port has, of ports_start to ports_close. Refused with
 * ERROR_CONFLICT: a port that is forwarded already, and remote_port.
 *
 * forward_set: these, instead of those there are (VMConfig's nat_all; [] removes all).
 * forward_add: these too.
 * forward_remove: each matches those that have all of its members ({"protocol":"tcp","listen_port":"80"}; {} matches
 * all); ERROR_NOT_FOUND when one matches nothing.
 */
struct op *forward_set(struct berthd *b, const char *instance, const cJSON *entries, struct error *err);
struct op *forward_add(struct berthd *b, const char *instance, const cJSON *entries, struct error *err);
struct op *forward_remove(struct berthd *b, const char *instance, const cJSON *patterns, struct error *err);

/*
 * LXD's network forward: {"listen_address", "description", "config": {"target_address", "user.*"}, "ports":
 * [{"description", "protocol", "listen_port", "target_port", "target_address"}]}.
 */
const cJSON *forward_network_get(const struct berthd *b, const char *network, const char *listen); /* or NULL */
cJSON *forward_network_list(const struct berthd *b, const char *network); /* a new array of them */
/* object NULL: removes it. must_be_new: ERROR_CONFLICT when there is one. */
struct op *forward_network_put(struct berthd *b, const char *network, const char *listen, const cJSON *object,
			       bool must_be_new, struct error *err);

#endif
