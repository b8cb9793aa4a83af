/* SPDX-License-Identifier: MIT */
/*
 * All instances in memory: filled at start from system_path, kept true by
 * lxc-monitor and inotify. What is written lies in system_path/NAME/: `config`
 * (LXC syntax, rendered, complete) and `berth.json` (LXD's field names).
 */
#ifndef BERTH_INSTANCE_REGISTRY_H
#define BERTH_INSTANCE_REGISTRY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "lxc/tools.h"

struct berthd;
struct registry;

struct instance {
	char *name;
	cJSON *desired;       /* berth.json: architecture, config, devices, profiles, description, ephemeral, created_at, last_used_at, driver, image */
	enum lxc_state state;
	pid_t pid;            /* init, 0 unless running or frozen */
	bool adopted;         /* made by others: no berth.json yet */
	bool error;           /* its folder cannot be understood; see note */
	char *note;
	char *text;           /* cached JSON of instance_json(), NULL when stale */
	char etag[65];
};

struct registry *registry_open(struct berthd *b, struct error *err);
void registry_free(struct registry *r);
struct instance *registry_get(const struct registry *r, const char *name); /* or NULL */
const char **registry_names(const struct registry *r); /* sorted; free the array */
bool registry_uses_image(const char *fingerprint, void *registry);
bool registry_uses_profile(const struct registry *r, const char *profile);

#endif
