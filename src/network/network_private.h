/* SPDX-License-Identifier: MIT */
/* What the files of this room share: network.c (objects), network_change.c (operations), network_bring.c (the kernel),
 * network_serve.c (dnsmasq). */
#ifndef BERTH_NETWORK_PRIVATE_H
#define BERTH_NETWORK_PRIVATE_H

#include <uv.h>

#include "base/argv.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "host/link_watch.h"
#include "network/network.h"
#include "proc/supervise.h"

/* What runs for an object; made when it is first brought up. */
struct network {
	struct networks *all;
	char *name;
	struct supervise *dnsmasq;
	char *serving;   /* the command line it has, and for which interface */
	unsigned index;  /* of the interface when it was brought up last */
	bool broken;     /* it could not be */
	bool watched;    /* its table is */
};

struct networks {
	struct berthd *b;
	char *dir;                /* state_path/networks */
	char *run;                /* run_path/networks: what dnsmasq reads again under its own user */
	struct strmap *objects;   /* name -> cJSON */
	struct strmap *live;      /* name -> struct network */
	struct link_watch *links;
	uv_timer_t timer;         /* to the next look at all */
	uv_timer_t names;         /* instances changed: reservations */
	unsigned failures;        /* in a row */
	bool resting;             /* the host is unloaded */
};

/* network.c */
char *network_file(const struct networks *n, const char *name, const char *ending); /* dir/NAME.ending; caller frees */
/* NULL object: none. Durable when it returns 0. */
int network_store(struct networks *n, const char *name, const cJSON *object, struct error *err);
struct network *network_live(struct networks *n, const char *name); /* made when there is none */
void network_forget(struct networks *n, const char *name); /* dnsmasq, files, watches */

/* network_bring.c: the operation's data begin with the struct bring. All stages for these names, one after the other, as a step of an operation. */
struct bring {
	char **names;    /* NULL-terminated */
	const cJSON *was[2];   /* objects (borrowed, or NULL) that may have been there: what only they have is taken away */
	size_t next;
	unsigned stage;
	bool go_on;      /* a failure is logged and kept, the others follow */
	bool failed;
	struct pid_watch *leaving; /* a dnsmasq that is waited for */
};
void network_bring_end(struct bring *bring); /* when the operation's data are freed */
enum op_result network_bring(struct op *op, struct bring *bring, struct error *err);

/* network_look.c */
void network_look_soon(struct networks *n, unsigned ms); /* brings up all in the background */
void network_link_gone(const char *name, void *networks);
void network_watch(struct networks *n); /* interfaces that go */
void network_parts(struct berthd *b); /* what comes up with the host */

/* network_serve.c */
/*
 * Ends a dnsmasq that is not as the object (NULL: there is to be none) says. Its process, which has the ports until it is
 * gone; 0 when there is none, or it stays.
 */
pid_t network_serve_leave(struct network *net, const cJSON *object);
/* After that: dnsmasq as the object says, started or told. */
int network_serve(struct network *net, const cJSON *object, struct error *err);
void network_serve_end(struct network *net);
/* One that a berthd left that was killed: it changed its user, so it did not die with it. Its process, or 0. */
pid_t network_serve_end_stale(const struct networks *n, const char *name);
/* Before: the command that tells whether dnsmasq would take it all; empty when nothing of that is new. */
int network_serve_test(struct network *net, const cJSON *object, struct argv *out, struct error *err);
void network_names_write(struct networks *n); /* reservations of all, now */

/* network_subnet.c: nobody else on this host has the subnets that new has and old (or NULL) had not. */
int network_check_subnet(const struct berthd *b, const cJSON *old, const cJSON *new, struct error *err);

#endif
