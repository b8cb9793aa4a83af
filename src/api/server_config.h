/* SPDX-License-Identifier: MIT */
/*
 * The server's own configuration, as PUT and PATCH /1.0 change it: string
 * values by key, in <state_path>/server.json. user.* is free; every other key
 * is a row of the table in server_keys.c.
 */
#ifndef BERTH_API_SERVER_CONFIG_H
#define BERTH_API_SERVER_CONFIG_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"

struct server_config;

struct server_config *server_config_open(const char *path, struct error *err); /* a missing file is empty */
void server_config_free(struct server_config *c);
const cJSON *server_config_json(const struct server_config *c); /* {"user.a":"1"}, sorted; borrowed */
const char *server_config_get(const struct server_config *c, const char *key); /* or NULL */
cJSON *server_config_shown(const struct server_config *c); /* the same with true for what is secret; caller deletes */
/*
 * What the configuration would become. replace: keys that changes lacks are removed (PUT), else kept (PATCH). "" and null
 * remove a key; true keeps a secret. NULL with ERROR_INVALID in LXD's words: "cannot set 'k' to 'v': unknown key".
 */
cJSON *server_config_next(const struct server_config *c, const cJSON *changes, bool replace, struct error *err);
int server_config_store(struct server_config *c, cJSON *next_taken, struct error *err); /* durable when it returns 0 */
/* core.shutdown_timeout (minutes) in milliseconds; def_ms when unset. */
unsigned server_config_shutdown_ms(const struct server_config *c, unsigned def_ms);

#endif
