/* SPDX-License-Identifier: MIT */
/*
 * Profiles: <state_path>/profiles/NAME.json, each LXD's object {name,
 * description, config, devices}. "default" always exists and cannot be deleted
 * or renamed; it is made at first start with eth0 (nic on network_pub) and
 * root (disk, path /).
 */
#ifndef BERTH_MODEL_PROFILE_H
#define BERTH_MODEL_PROFILE_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "lxc/probe.h"

struct profile_store;

struct profile_store *profile_store_open(const char *dir, const char *default_bridge,
					 const struct probe *probe, struct error *err);
void profile_store_free(struct profile_store *s);
const char **profile_names(const struct profile_store *s); /* sorted, NULL-terminated; free the array */
const cJSON *profile_get(const struct profile_store *s, const char *name); /* borrowed, or NULL */
/* Validates and writes; create refuses an existing name (ERROR_CONFLICT), put a missing one. */
int profile_create(struct profile_store *s, const cJSON *profile, struct error *err);
int profile_put(struct profile_store *s, const char *name, const cJSON *profile, struct error *err);
int profile_rename(struct profile_store *s, const char *name, const char *new_name, struct error *err);
/* Keys that are an instance's own: volatile.*, image.* */
int profile_check_config(const cJSON *config, struct error *err);
int profile_delete(struct profile_store *s, const char *name, struct error *err);

#endif
