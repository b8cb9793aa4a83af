/* SPDX-License-Identifier: MIT */
/* Looking keys up in config_keys[] and checking whole configs against it. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/similar.h"
#include "model/key.h"
#include "model/key_refused.h"
#include "model/key_types.h"
#include "model/seccomp.h"

#define KEY_LENGTH_MAX 255

/* Length of "user." in "user.*", 0 for an exact name. */
static size_t prefix_length(const char *row)
{
	return type_has_suffix(row, ".*") ? strlen(row) - 1 : 0;
}

const struct config_key *config_key_find(const char *name)
{
	for (const struct config_key *k = config_keys; k->name; k++) {
		size_t prefix = prefix_length(k->name);

		if (prefix ? strncmp(name, k->name, prefix) == 0 && name[prefix] : strcmp(name, k->name) == 0)
			return k;
	}
	return NULL;
}

/* What of a name is compared with a row: all of it, or, for "limits.kernel.*", as many of its parts as that
 * has. */
static char *comparable(const char *name, const char *row)
{
	size_t prefix = prefix_length(row);
	const char *end = name;

	if (!prefix)
		return mem_strdup(name);
	for (const char *dot = row; dot < row + prefix; dot++) {
		if (*dot != '.')
			continue;
		end = strchr(end, '.');
		if (!end)
			return NULL;
		end++;
	}
	return mem_strndup(name, (size_t)(end - name));
}

const char *config_key_nearest(const char *name)
{
	size_t best = SIMILAR_MAX + 1;
	const char *nearest = NULL;

	for (const struct config_key *k = config_keys; k->name; k++) {
		AUTO_FREE char *given = comparable(name, k->name);
		size_t prefix = prefix_length(k->name);
		AUTO_FREE char *known = mem_strndup(k->name, prefix ? prefix : strlen(k->name));

		if (given && similar_better(given, known, &best))
			nearest = k->name;
	}
	return nearest;
}

static int unknown_key(const char *name, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	const char *nearest = config_key_nearest(name);

	if (nearest)
		return error_set(err, ERROR_INVALID, "Unknown configuration key: %s (did you mean %s?)",
				 type_show(name, show), nearest);
	return error_set(err, ERROR_INVALID, "Unknown configuration key: %s", type_show(name, show));
}

static int refused_key(const struct key_refused *refused, const char *value, struct error *err)
{
	if (refused->harmless && strcmp(value, refused->harmless) == 0)
		return 0;
	/* any word for false */
	if (refused->harmless && strcmp(refused->harmless, "false") == 0 && type_is_false(value))
		return 0;
	return error_set(err, ERROR_INVALID, "%s is not supported: %s", refused->name, refused->reason);
}

/* A label of somebody's own, or of an image's maker, may have blanks. */
static bool is_key(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strncmp(name, "image.", 6) == 0 ? type_is_line(name) : type_is_word(name);
}

static int validate_item(const cJSON *item, const struct probe *probe, struct error *err)
{
	const struct config_key *row = config_key_find(item->string);
	const struct key_refused *refused = key_refused_find(item->string);

	if (refused && cJSON_IsString(item))
		return *item->valuestring ? refused_key(refused, item->valuestring, err) : 0;
	if (!row || strlen(item->string) > KEY_LENGTH_MAX || !is_key(item->string))
		return unknown_key(item->string, err);
	if (!cJSON_IsString(item))
		return error_set(err, ERROR_INVALID, "Invalid value: %s must be a string", item->string);
	if (!*item->valuestring)
		return 0; /* "" means unset, as in LXD */
	return row->validate(item->string, item->valuestring, probe, err);
}

int config_validate(const cJSON *config, const struct probe *probe, struct error *err)
{
	const cJSON *item;

	if (!config || cJSON_IsNull(config))
		return 0;
	if (!cJSON_IsObject(config))
		return error_set(err, ERROR_INVALID, "Invalid config: must be an object of strings");
	cJSON_ArrayForEach(item, config) {
		if (validate_item(item, probe, err) < 0)
			return -1;
	}
	return seccomp_check(config, err);
}
