/* SPDX-License-Identifier: MIT */
/*
 * Asks LXC for states: lxc-info for one instance, lxc-ls for all. An answer
 * that was overtaken (something was told meanwhile) is asked for again, unless
 * what was told says which process is init. When a tool fails, LXC's sockets (lxc/active.h) say at least what is active, and all
 * is asked for again later: after 0.5 s, doubling to 30 s.
 */
#ifndef BERTH_INSTANCE_ASK_H
#define BERTH_INSTANCE_ASK_H

#include "instance/registry.h"

struct asker;

struct asker *asker_new(struct registry *r, struct berthd *b);
void asker_free(struct asker *a); /* no callback from now on; NULL is fine */
void ask_one(struct asker *a, const char *name);
/* ready, which may be NULL: once, when all states are set as well as they can be known. */
void ask_all(struct asker *a, void (*ready)(void *data), void *data);

#endif
