/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef BERTH_HOST_PRIVATE_H
#define BERTH_HOST_PRIVATE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/argv.h"
#include "berthd.h"
#include "host/host.h"
#include "host/network.h"

enum { HOST_PARTS_MAX = 16 };

struct keeper;
struct dns_names;

struct host {
	struct berthd *b;
	bool loaded;
	bool starting; /* host_start() is under way */
	char loaded_at[40];
	const struct host_part_type *types[HOST_PARTS_MAX];
	size_t n_types;
	LIST_HEAD(host_part_list, host_part) loading;
	struct keeper *keeper;
	struct dns_names *names;
	struct argv check_argv; /* berthd --check as this daemon would see it */
	cJSON *findings;	/* of the last check, or NULL */
};

/* parts.c: one after the other; done once with warnings and facts, which are its to keep. Owns nothing of the caller. */
struct host_bringup {
	cJSON *warnings; /* array */
	cJSON *facts;	 /* object */
};
void host_parts_load(struct host *h, void (*done)(struct host_bringup *result, void *data), void *data);
void host_parts_unload(struct host *h);
void host_parts_forget(struct host *h); /* loads under way, of which nobody will tell any more */
char *host_state_path(const struct berthd *b);

/* keep.c: host-init --again, the dnsmasq that ended, the table and the bridges that went. */
struct keeper *keeper_new(struct host *h);
void keeper_free(struct keeper *k); /* no callback from now on */
/* Brings up what host_network() says; done once with err (ERROR_NONE: all is there, or there is nothing to do). */
void keeper_bring_up(struct keeper *k, void (*done)(const struct error *err, void *data), void *data);
void keeper_rest(struct keeper *k); /* watches nothing any more, until the next bring_up */
cJSON *keeper_status(const struct keeper *k);
bool interface_is_up(const char *name); /* false: also when there is none */

/* names.c: reservations and DNS names for dnsmasq (dnsmasq_files.h), written when instances changed. */
struct dns_names *dns_names_new(struct host *h);
void dns_names_free(struct dns_names *n);
void dns_names_update(struct dns_names *n); /* now */
int dnsmasq_pid(const struct berthd *b); /* of ours, as its cmdline says; 0: it does not run */

void host_server_facts(const struct berthd *b, cJSON *v);

#endif
