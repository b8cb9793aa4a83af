/* SPDX-License-Identifier: MIT */
/* The insides of proxies, shared by proxy.c (the programs), proxy_wait.c (who waits for them) and proxy_check.c. */
#ifndef BERTH_INSTANCE_PROXY_PRIVATE_H
#define BERTH_INSTANCE_PROXY_PRIVATE_H

#include <sys/queue.h>

#include "base/endpoint.h"
#include "base/strmap.h"
#include "instance/proxy.h"
#include "proc/supervise.h"

enum proxy_state { PROXY_STARTING, PROXY_READY, PROXY_FAILED };

struct proxy {
	struct proxies *all;
	char *instance, *device;
	char *command; /* its whole command line: another one is another program */
	struct supervise *child;
	enum proxy_state state;
	bool fresh;    /* nobody was told of its start yet */
	bool replaces; /* another one, which may still be going */
	unsigned failures;
	char *why;     /* it failed */
};

LIST_HEAD(waiter_list, waiter);
LIST_HEAD(leaver_list, leaver);

struct proxies {
	struct berthd *b;
	struct strmap *running; /* "instance/device" -> struct proxy */
	struct waiter_list waiters;
	struct leaver_list leavers;
};

bool proxy_is(const cJSON *device);
bool proxy_is_nat(const cJSON *device);
/* A static address of wanted's family that a nic of the instance has, and, when wanted is no wildcard, that one; or NULL. */
const char *proxy_static_address(const cJSON *devices, const struct endpoint *wanted, char out[INET6_ADDRSTRLEN]);

/* Something was said by one of the instance's, or one has gone: who waits may go on. */
void proxy_told(struct proxies *all, const char *instance);
/* Ends p's program, and has it among those that are on their way out until it is gone. */
void proxy_leave(struct proxy *p);
/* Does any of the instance's still have its ports, files or rules? */
bool proxy_is_leaving(const struct proxies *all, const char *instance);
/* berthd ends: who waits goes on, and who leaves is forgotten. */
void proxy_wait_no_more(struct proxies *all);

#endif
