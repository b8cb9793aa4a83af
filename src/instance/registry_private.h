/* SPDX-License-Identifier: MIT */
/* The insides of the registry, shared by registry.c (what is known) and registry_scan.c (the folders it is known from). */
#ifndef BERTH_INSTANCE_REGISTRY_PRIVATE_H
#define BERTH_INSTANCE_REGISTRY_PRIVATE_H

#include "base/strmap.h"
#include "instance/registry.h"

struct registry {
	struct berthd *b;
	struct strmap *instances;
	struct lxc_monitor *monitor;
	struct folder_watch *folder;
	struct {
		void (*cb)(struct instance *inst, enum lxc_state old, void *data);
		void *data;
	} on_state[4];
	size_t n_on_state;
	struct {
		void (*cb)(void *data); /* NULL: free */
		void *data;
	} on_change[4];
	struct asker *asker;
	uint64_t clock; /* counts what was told of states */
};

void registry_changed(const struct registry *r); /* to registry_on_change()'s */
/* Somebody made or removed a folder: berth's own changes hold the lock and load for themselves. data: the registry. */
void registry_on_folder(const char *name, void *data);

#endif
