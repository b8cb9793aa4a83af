/* SPDX-License-Identifier: MIT */
/*
 * The cgroup files behind the limits.* keys, for legacy/hybrid and unified
 * hosts. Keys that end up in the same files form a group and are always
 * computed together (limits.memory with .enforce and .swap).
 */
#ifndef BERTH_MODEL_CGROUP_SETTINGS_H
#define BERTH_MODEL_CGROUP_SETTINGS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "lxc/probe.h"

struct cgroup_setting {
	const char *controller; /* "" on a unified host */
	const char *file;
	char *value;
	bool live_only; /* the normal value of an unlimited container: written live, not rendered */
};
struct cgroup_settings {
	struct cgroup_setting v[8];
	size_t n;
};
struct cgroup_context {
	const char *instance;
	const cJSON *config; /* expanded */
	const struct probe *probe;
};

/* All files of the key's group, in the order they must be written. */
int cgroup_settings_get(const struct cgroup_context *ctx, const char *key, struct cgroup_settings *out,
			struct error *err);
void cgroup_settings_clear(struct cgroup_settings *s);
/* Is this the first key of its group that is set? It renders the lines of all of them. */
bool cgroup_settings_leads(const cJSON *config, const char *key);

#endif
