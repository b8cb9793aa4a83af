/* SPDX-License-Identifier: MIT */
#include "api/server_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"

#define SHUTDOWN_MINUTES_MAX 1440
#define USER_KEY_MAX 255
#define VALUE_MAX 65536

struct server_config {
	char *path;
	cJSON *config;
};

static int check_minutes(const char *value, struct error *err)
{
	int64_t minutes;

	return units_parse_int(value, 0, SHUTDOWN_MINUTES_MAX, &minutes, err);
}

static const struct server_key {
	const char *name;
	int (*check)(const char *value, struct error *err);
} keys[] = {
	{ "core.shutdown_timeout", check_minutes }, /* minutes that operations have to end when berthd does */
};

static bool is_user_key(const char *key)
{
	const char *p;

	if (strncmp(key, "user.", 5) != 0 || !key[5] || strlen(key) > USER_KEY_MAX)
		return false;
	for (p = key; *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f)
			return false;
	return true;
}

static int check(const char *key, const char *value, struct error *err)
{
	size_t i;

	if (is_user_key(key)) {
		if (strlen(value) <= VALUE_MAX)
			return 0;
		return error_set(err, ERROR_INVALID, "cannot set '%s': the value is longer than %d bytes",
				 key, VALUE_MAX);
	}
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		if (keys[i].check(value, err) == 0)
			return 0;
		return error_wrap(err, "cannot set '%s' to '%.200s'", key, value);
	}
	return error_set(err, ERROR_INVALID, "cannot set '%.200s' to '%.200s': unknown key", key, value);
}

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

/* A value as text: LXD takes numbers and truth values too. NULL: it is of another kind. Caller frees. */
static char *value_text(const cJSON *v)
{
	if (cJSON_IsString(v))
		return mem_strdup(v->valuestring);
	if (cJSON_IsNull(v))
		return mem_strdup("");
	if (cJSON_IsBool(v) || cJSON_IsNumber(v))
		return json_text(v);
	return NULL;
}

static int apply(cJSON *config, const cJSON *change, struct error *err)
{
	AUTO_FREE char *value = value_text(change);

	if (!value)
		return error_set(err, ERROR_INVALID, "cannot set '%.200s': the value is not a string",
				 change->string);
	if (!*value) {
		json_set_str(config, change->string, NULL);
		return 0;
	}
	if (check(change->string, value, err) < 0)
		return -1;
	json_set_str(config, change->string, value);
	return 0;
}

int server_config_set(struct server_config *c, const cJSON *changes, bool replace, struct error *err)
{
	cJSON *config = replace ? cJSON_CreateObject() : cJSON_Duplicate(c->config, true);
	const cJSON *change;
	int ret = 0;

	cJSON_ArrayForEach(change, changes)
		if (ret == 0)
			ret = apply(config, change, err);
	json_sort(config);
	if (ret == 0 && !cJSON_Compare(config, c->config, true))
		ret = json_write_file(c->path, config, JSON_DURABLE, err);
	if (ret < 0) {
		cJSON_Delete(config);
		return -1;
	}
	cJSON_Delete(c->config);
	c->config = config;
	return 0;
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
