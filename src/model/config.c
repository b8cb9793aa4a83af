/* SPDX-License-Identifier: MIT */
/* Looking keys up in config_keys[] and checking whole configs against it. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/key.h"
#include "model/key_types.h"

#define KEY_LENGTH_MAX 255
#define NEAR_ENOUGH 3

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

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Damerau-Levenshtein distance (optimal string alignment); big for texts longer than any key. */
static unsigned distance(const char *a, const char *b)
{
	enum { MAX = 48 };
	size_t la = strlen(a), lb = strlen(b);
	unsigned d[MAX + 1][MAX + 1];

	if (la > MAX || lb > MAX)
		return MAX;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[la][lb];
}

/* How far name is from a row; for "environment.*" only what comes before the dot counts. */
static unsigned row_distance(const char *name, const char *row)
{
	char head[64], want[64];
	size_t prefix = prefix_length(row);
	size_t dot = strcspn(name, ".");

	if (!prefix)
		return distance(name, row);
	if (!name[dot] || dot >= sizeof(head) || prefix > sizeof(want) || strchr(row, '.') != row + prefix - 1)
		return NEAR_ENOUGH + 1;
	memcpy(head, name, dot);
	head[dot] = '\0';
	memcpy(want, row, prefix - 1);
	want[prefix - 1] = '\0';
	return distance(head, want);
}

const char *config_key_nearest(const char *name)
{
	unsigned best = NEAR_ENOUGH + 1;
	const char *nearest = NULL;

	for (const struct config_key *k = config_keys; k->name; k++) {
		unsigned d = row_distance(name, k->name);

		if (d < best) {
			best = d;
			nearest = k->name;
		}
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

static int validate_item(const cJSON *item, const struct probe *probe, struct error *err)
{
	const struct config_key *row = config_key_find(item->string);

	if (!row || strlen(item->string) > KEY_LENGTH_MAX || !type_is_line(item->string))
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
	return 0;
}
