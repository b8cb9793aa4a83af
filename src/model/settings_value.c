/* SPDX-License-Identifier: MIT */
#include "model/settings_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "model/address_maps.h"

#define PATH_CHARS SETTINGS_NAME_CHARS "/+"
#define LEN_MAX 1023 /* leaves room for what is joined to it */

static bool below(const char *path, const char *root)
{
	size_t n = strlen(root);

	return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == 0 || strcmp(root, "/") == 0);
}

static int check_path(const char *key, const char *path, struct error *err)
{
	if (*path != '/')
		return error_set(err, ERROR_INVALID, "%s: '%.200s' is not an absolute path", key, path);
	if (path[strspn(path, PATH_CHARS)])
		return error_set(err, ERROR_INVALID,
				 "%s: '%.200s': a path may only have letters, digits and . _ / + -", key,
				 path);
	if (strlen(path) > LEN_MAX)
		return error_set(err, ERROR_INVALID, "%s: the path is longer than %d characters", key,
				 LEN_MAX);
	return 0;
}

char *settings_normalise_path(const char *key, const char *path, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(path);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	char *save = NULL, *part;

	if (check_path(key, path, err) < 0)
		return NULL;
	for (part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (strcmp(part, "..") == 0) {
			error_set(err, ERROR_INVALID, "%s: '%.200s' must not have '..' in it", key, path);
			return NULL;
		}
		if (strcmp(part, ".") != 0)
			strbuf_addf(&out, "/%s", part);
	}
	if (!out.len)
		strbuf_addch(&out, '/');
	return strbuf_detach(&out);
}

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);
	const char *p = choices;

	while (p && !strchr(value, '|')) {
		if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == 0))
			return true;
		p = strchr(p, '|');
		p = p ? p + 1 : NULL;
	}
	return false;
}

/* "https://panel.example.org:8443 http://[2001:db8::1]", as browsers write the header Origin. */
static int check_origins(const char *key, const char *value, struct error *err)
{
	while (*value) {
		size_t len, scheme;

		value += strspn(value, " ");
		len = strcspn(value, " ");
		scheme = strncmp(value, "https://", 8) == 0 ? 8 : strncmp(value, "http://", 7) == 0 ? 7 : 0;
		if (len > 0 && (!scheme || len == scheme ||
				strspn(value + scheme, SETTINGS_NAME_CHARS ":[]") < len - scheme))
			return error_set(err, ERROR_INVALID,
					 "%s: '%.*s' is no origin: http://HOST or https://HOST, with :PORT if need be",
					 key, (int)(len < 100 ? len : 100), value);
		value += len;
	}
	return 0;
}

static int check_text(const struct settings_key *k, const char *value, struct error *err)
{
	const char *chars = strcmp(k->type, "address") == 0 ? SETTINGS_NAME_CHARS ":" : SETTINGS_NAME_CHARS;
	size_t n = strlen(value);

	if (strcmp(k->type, "origins") == 0 && n <= (size_t)k->max)
		return check_origins(k->name, value, err);
	if (strcmp(k->type, "choice") == 0) {
		if (!is_choice(k->choices, value))
			return error_set(err, ERROR_INVALID, "%s: '%.64s' is not one of %s", k->name, value,
					 k->choices);
		return 0;
	}
	if (value[strspn(value, chars)])
		return error_set(err, ERROR_INVALID,
				 "%s: '%.64s' may only have the characters A-Z a-z 0-9 %s", k->name, value,
				 chars + 62);
	if (n < (size_t)k->min || n > (size_t)k->max)
		return error_set(err, ERROR_INVALID, "%s: '%.64s' must have from %d to %d characters",
				 k->name, value, (int)k->min, (int)k->max);
	if (strcmp(k->type, "interface") == 0 && (!n || strcmp(value, ".") == 0 || strcmp(value, "..") == 0))
		return error_set(err, ERROR_INVALID, "%s: '%s' is no name of a network interface", k->name,
				 value);
	return 0;
}

static int check_ranges(const struct settings_key *k, const char *value, struct error *err)
{
	struct address_maps maps;

	if (address_maps_parse(value, &maps, err) < 0)
		return error_wrap(err, "%s", k->name);
	address_maps_clear(&maps);
	return 0;
}

static int parse_number(const struct settings_key *k, const char *value, int64_t *ret, struct error *err)
{
	uint64_t v = 0;
	int rc;

	if (strcmp(k->type, "integer") == 0)
		rc = units_parse_int(value, k->min, k->max, ret, err);
	else if (strcmp(k->type, "size") == 0)
		rc = units_parse_size(value, &v, err);
	else
		rc = units_parse_duration(value, &v, err);
	if (rc < 0)
		return error_wrap(err, "%s", k->name);
	if (strcmp(k->type, "integer") == 0)
		return 0;
	if ((int64_t)v < k->min || (int64_t)v > k->max)
		return error_set(err, ERROR_INVALID,
				 "%s: %.64s is out of range: it must be from %lld to %lld %s", k->name, value,
				 (long long)k->min, (long long)k->max,
				 strcmp(k->type, "size") == 0 ? "bytes" : "seconds");
	*ret = (int64_t)v;
	return 0;
}

bool settings_is_number(const struct settings_key *k)
{
	return strcmp(k->type, "integer") == 0 || strcmp(k->type, "size") == 0 ||
		strcmp(k->type, "duration") == 0;
}

bool settings_is_list(const struct settings_key *k)
{
	return strcmp(k->type, "address ranges") == 0;
}

int settings_add_value(struct settings *s, const char *root, const struct settings_key *k, const char *value,
		       struct error *err)
{
	const char *old = *(char *const *)(const void *)((const char *)s + k->offset);
	AUTO_FREE char *both = mem_printf("%s%s%s", old, *old && *value ? ", " : "", value);

	return settings_set_value(s, root, k, both, err);
}

int settings_set_value(struct settings *s, const char *root, const struct settings_key *k, const char *value,
		       struct error *err)
{
	char *field = (char *)s + k->offset;
	char *text;

	if (settings_is_number(k))
		return parse_number(k, value, (int64_t *)(void *)field, err);
	if (strcmp(k->type, "path") == 0) {
		text = settings_normalise_path(k->name, value, err);
		if (!text)
			return -1;
		if (root && !below(text, root)) {
			error_set(err, ERROR_INVALID, "%s: '%s' is not below the root '%s'", k->name, text,
				  root);
			free(text);
			return -1;
		}
	} else if (strcmp(k->type, "file") == 0 && *value) { /* one of the machine's, whatever the root */
		text = settings_normalise_path(k->name, value, err);
		if (!text)
			return -1;
	} else {
		if (settings_is_list(k) ? check_ranges(k, value, err) < 0
							   : check_text(k, value, err) < 0)
			return -1;
		text = mem_strdup(value);
	}
	free(*(char **)(void *)field);
	*(char **)(void *)field = text;
	return 0;
}
