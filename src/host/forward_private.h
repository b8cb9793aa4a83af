/* SPDX-License-Identifier: MIT */
/* What the files share: forward.c (store), forward_apply.c (kernel), forward_change.c (operations), forward_check.c,
 * forward_network.c (requests of LXD's shape). */
#ifndef BERTH_HOST_FORWARD_PRIVATE_H
#define BERTH_HOST_FORWARD_PRIVATE_H

#include <uv.h>

#include "host/forward.h"
#include "host/forward_rule.h"
#include "proc/proc.h"

struct forwards {
	struct berthd *b;
	forward_place_fn place;
	char *path;
	char table[FORWARD_TABLE_SIZE];
	cJSON *entries;  /* of instances */
	cJSON *networks; /* of LXD's shape, with "network" */

	char *applied;   /* the last text that nft took; NULL: not known */
	char *offered;   /* what nft is working on */
	struct proc *nft; /* in the background */
	bool empty;       /* of the last look: there is to be no table */
	bool busy;       /* an operation's nft */
	bool again;      /* something changed meanwhile */
	unsigned failures; /* in a row */
	bool waits, dynamic; /* of the last look */
	unsigned polls;  /* looks in a row at who waits for an address */
	uv_timer_t timer;
};

/* forward.c */
int forward_save(struct forwards *f, struct error *err);
cJSON *forward_network_rules(const cJSON *object); /* entries, each as in forward_rule.h with "network" */
cJSON *forward_all(const struct forwards *f, const cJSON *except); /* entries of both kinds; not those of this object */

/* forward_network.c: "creating", "updating" or "deleting" (object NULL): LXD says "Failed … forward: why". */
const char *forward_network_verb(bool must_be_new, const cJSON *object);

/* forward_change.c: starts the operation, whose arguments are taken: "instance", "do" and "entries", or "network",
 * "listen_address", "must_be_new" and "object". */
enum { CHANGE_MAX = 10000 }; /* entries in one request */
struct op *forward_begin(struct berthd *b, cJSON *args, struct error *err);

/* forward_check.c */
bool forward_is_auto(const cJSON *entry);
bool forward_has_id(const cJSON *list, const char *id);
bool forward_instance_exists(const struct forwards *f, const char *name); /* place() would ask where it is, too */
/* Adds "removed" and "added" (with ids and ports), or "object_old", to the arguments. */
int forward_check_instance(const struct forwards *f, cJSON *args, struct error *err);
int forward_check_network(const struct forwards *f, cJSON *args, struct error *err);

/* forward_apply.c */
void forward_apply_open(struct forwards *f);
void forward_apply_close(struct forwards *f); /* frees f later, from the loop */
void forward_apply_soon(struct forwards *f);
/* For an operation: input for nft, or NULL when the kernel has that already. Its end must be told. */
const char *forward_apply_begin(struct forwards *f);
void forward_apply_end(struct forwards *f, bool done);

#endif
