/* SPDX-License-Identifier: MIT */
#include "api/server_config.h"

#include <stdlib.h>
#include <string.h>

#include "api/server_keys.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"

#define SHUTDOWN_MINUTES_MAX 1440

struct server_config {
	char *path;
	cJSON *config;
};

struct server_config *server_config_open(const char *path, struct error *err)
{
	struct server_config *c;
	cJSON *config;

	config = fs_exists(path) ? json_read_file(path, err) : cJSON_CreateObject();
	if (!config)
		return NULL;
	if (!cJSON_IsObject(config)) {
		cJSON_Delete(config);
		error_set(err, ERROR_INVALID, "'%s' does not hold a JSON object", path);
		return NULL;
	}
	c = mem_alloc(sizeof(*c));
	c->path = mem_strdup(path);
	c->config = config;
	return c;
}

void server_config_free(struct server_config *c)
{
	if (!c)
		return;
	cJSON_Delete(c->config);
	free(c->path);
	free(c);
}

const cJSON *server_config_json(const struct server_config *c)
{
	return c->config;
}

const char *server_config_get(const struct server_config *c, const char *key)
{
	return json_str(c->config, key);
}

/* What LXD calls it. */
static const char *type_name(const cJSON *v)
{
	if (cJSON_IsBool(v))
		return "bool";
	if (cJSON_IsNumber(v))
		return "float64";
	return cJSON_IsArray(v) ? "slice" : "map";
}

/* A hidden value comes back as it was shown, true: it stays what it is. */
static bool is_shown_secret(const cJSON *change)
{
	return server_key_hidden(change->string) &&
	       (cJSON_IsTrue(change) || (cJSON_IsString(change) && strcmp(change->valuestring, "true") == 0));
}

static int apply(cJSON *config, const cJSON *old, const cJSON *change, struct error *err)
{
	const char *value = cJSON_IsString(change) ? change->valuestring : "";
	AUTO_FREE char *stored = NULL;

	if (is_shown_secret(change)) {
		json_set_str(config, change->string, json_str(old, change->string));
		return 0;
	}
	if (!cJSON_IsString(change) && !cJSON_IsNull(change))
		return error_set(err, ERROR_INVALID, "cannot set '%.200s': invalid type %s", change->string, type_name(change));
	if (!*value && !server_key_known(change->string))
		return error_set(err, ERROR_INVALID, "cannot set '%.200s' to '': unknown key", change->string);
	if (!*value) {
		json_set_str(config, change->string, NULL);
		return 0;
	}
	stored = server_key_value(change->string, value, err);
	if (!stored)
		return -1;
	json_set_str(config, change->string, stored);
	return 0;
}

cJSON *server_config_next(const struct server_config *c, const cJSON *changes, bool replace, struct error *err)
{
	cJSON *config = replace ? cJSON_CreateObject() : cJSON_Duplicate(c->config, true);
	const cJSON *change;
	int ret = 0;

	cJSON_ArrayForEach(change, changes)
		if (ret == 0)
			ret = apply(config, c->config, change, err);
	json_sort(config);
	if (ret == 0)
		return config;
	cJSON_Delete(config);
	return NULL;
}

int server_config_store(struct server_config *c, cJSON *next_taken, struct error *err)
{
	if (!cJSON_Compare(next_taken, c->config, true) && json_write_file(c->path, next_taken, JSON_DURABLE, err) < 0) {
		cJSON_Delete(next_taken);
		return -1;
	}
	cJSON_Delete(c->config);
	c->config = next_taken;
	return 0;
}

cJSON *server_config_shown(const struct server_config *c)
{
	cJSON *shown = cJSON_Duplicate(c->config, true), *v;
	const cJSON *key;

	cJSON_ArrayForEach(key, c->config)
		if (server_key_hidden(key->string)) {
			v = cJSON_CreateTrue();
			cJSON_ReplaceItemInObjectCaseSensitive(shown, key->string, v);
		}
	return shown;
}

unsigned server_config_shutdown_ms(const struct server_config *c, unsigned def_ms)
{
	const char *text = server_config_get(c, "core.shutdown_timeout");
	struct error err = ERROR_INIT;
	int64_t minutes;

	if (!text || units_parse_int(text, 0, SHUTDOWN_MINUTES_MAX, &minutes, &err) < 0)
		return def_ms;
	return (unsigned)minutes * 60000;
}
