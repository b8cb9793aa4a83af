/* SPDX-License-Identifier: MIT */
#include "image/metadata.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"

enum { DEPTH_MAX = 16, NODES_MAX = 10000 };

struct loader {
	yaml_parser_t parser;
	const char *what; /* for messages */
	unsigned nodes, max;
};

static int invalid(const struct loader *l, struct error *err, const char *why)
{
	return error_set(err, ERROR_INVALID, "%s is invalid: %s", l->what, why);
}

static int next_event(struct loader *l, yaml_event_t *event, struct error *err)
{
	if (!yaml_parser_parse(&l->parser, event))
		return error_set(err, ERROR_INVALID, "%s is invalid: line %zu: %s", l->what,
				 l->parser.problem_mark.line + 1,
				 l->parser.problem ? l->parser.problem : "damaged");
	if (++l->nodes <= l->max)
		return 0;
	yaml_event_delete(event);
	return invalid(l, err, "it has too many values");
}

static cJSON *load_value(struct loader *l, yaml_event_t *event, unsigned depth, struct error *err);

static char *scalar_text(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (memchr(text, 0, event->data.scalar.length))
		return NULL;
	return mem_strdup(plain && (!strcmp(text, "~") || !strcmp(text, "null")) ? "" : text);
}

static cJSON *load_list(struct loader *l, unsigned depth, struct error *err)
{
	AUTO_JSON cJSON *list = cJSON_CreateArray();
	cJSON *result, *value;
	yaml_event_t event;

	for (;;) {
		if (next_event(l, &event, err))
			return NULL;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		value = load_value(l, &event, depth, err);
		if (!value)
			return NULL;
		cJSON_AddItemToArray(list, value);
	}
	yaml_event_delete(&event);
	result = list;
	list = NULL;
	return result;
}

static int load_member(struct loader *l, cJSON *map, yaml_event_t *key_event, unsigned depth,
		       struct error *err)
{
	AUTO_FREE char *key = key_event->type == YAML_SCALAR_EVENT ? scalar_text(key_event) : NULL;
	yaml_event_t event;
	cJSON *value;

	yaml_event_delete(key_event);
	if (!key || cJSON_GetObjectItemCaseSensitive(map, key))
		return invalid(l, err, key ? "a key comes twice" : "a key is no string");
	if (next_event(l, &event, err))
		return -1;
	value = load_value(l, &event, depth, err);
	if (!value)
		return -1;
	cJSON_AddItemToObject(map, key, value);
	return 0;
}

static cJSON *load_map(struct loader *l, unsigned depth, struct error *err)
{
	AUTO_JSON cJSON *map = cJSON_CreateObject();
	yaml_event_t event;
	cJSON *result;

	for (;;) {
		if (next_event(l, &event, err))
			return NULL;
		if (event.type == YAML_MAPPING_END_EVENT)
			break;
		if (load_member(l, map, &event, depth, err))
			return NULL;
	}
	yaml_event_delete(&event);
	result = map;
	map = NULL;
	return result;
}

/* Scalars are strings here, whatever YAML takes them for: "release: 12" means "12". Takes the event. */
static cJSON *load_value(struct loader *l, yaml_event_t *event, unsigned depth, struct error *err)
{
	yaml_event_type_t type = event->type;
	AUTO_FREE char *text = type == YAML_SCALAR_EVENT ? scalar_text(event) : NULL;

	yaml_event_delete(event);
	if (type == YAML_SCALAR_EVENT && text)
		return cJSON_CreateString(text);
	if (depth == DEPTH_MAX)
		invalid(l, err, "it is nested too deep");
	else if (type == YAML_SEQUENCE_START_EVENT)
		return load_list(l, depth + 1, err);
	else if (type == YAML_MAPPING_START_EVENT)
		return load_map(l, depth + 1, err);
	else if (type == YAML_ALIAS_EVENT)
		invalid(l, err, "aliases are refused");
	else
		invalid(l, err, "a value is missing or holds a NUL");
	return NULL;
}

static cJSON *load_document(struct loader *l, struct error *err)
{
	yaml_event_t event;
	unsigned i;

	for (i = 0; i < 3; i++) { /* stream start, document start, its value */
		if (next_event(l, &event, err))
			return NULL;
		if (i < 2)
			yaml_event_delete(&event);
	}
	if (event.type != YAML_MAPPING_START_EVENT) {
		yaml_event_delete(&event);
		invalid(l, err, "it is no mapping");
		return NULL;
	}
	return load_value(l, &event, 0, err);
}

/* ---- into LXD's shape */

static int take_number(cJSON *to, const cJSON *from, const char *key, struct error *err)
{
	const char *text = json_str(from, key);
	struct error ignored = ERROR_INIT;
	int64_t v;

	if (!cJSON_GetObjectItemCaseSensitive(from, key))
		return 0;
	if (!text || units_parse_int(text, 0, 253402300799, &v, &ignored)) /* year 9999 */
		return error_set(err, ERROR_INVALID, "metadata.yaml is invalid: %s is no time in seconds",
				 key);
	json_set_int(to, key, v);
	return 0;
}

static int take_strings(cJSON *to, const cJSON *from, const char *key, struct error *err)
{
	const cJSON *map = json_obj(from, key), *m;

	if (!map)
		return 0;
	cJSON_ArrayForEach(m, map) {
		if (!cJSON_IsString(m))
			return error_set(err, ERROR_INVALID,
					 "metadata.yaml is invalid: %s holds more than strings", key);
	}
	json_set(to, key, cJSON_Duplicate(map, true));
	return 0;
}

static int take_template(cJSON *to, const cJSON *from, struct error *err)
{
	cJSON *t = cJSON_CreateObject(), *when = json_arr(from, "when");
	int create_only = 0;
	struct error ignored = ERROR_INIT;

	json_set(to, from->string, t);
	json_set(t, "when", when ? cJSON_Duplicate(when, true) : cJSON_CreateArray());
	if (units_parse_bool(json_str_or(from, "create_only", "false"), &create_only, &ignored))
		return error_set(err, ERROR_INVALID, "metadata.yaml is invalid: create_only is no boolean");
	json_set_bool(t, "create_only", create_only);
	json_set_str(t, "template", json_str_or(from, "template", ""));
	return take_strings(t, from, "properties", err);
}

static int take_all(cJSON *to, const cJSON *from, struct error *err)
{
	const cJSON *templates = json_obj(from, "templates"), *t;
	const char *arch = json_str(from, "architecture");

	if (arch)
		json_set_str(to, "architecture", architecture_name(arch));
	if (take_number(to, from, "creation_date", err) || take_number(to, from, "expiry_date", err) ||
	    take_strings(to, from, "properties", err))
		return -1;
	if (!templates)
		return 0;
	json_set(to, "templates", cJSON_CreateObject());
	cJSON_ArrayForEach(t, templates) {
		if (!cJSON_IsObject(t))
			return error_set(err, ERROR_INVALID, "metadata.yaml is invalid: a template is no mapping");
		if (take_template(json_obj(to, "templates"), t, err))
			return -1;
	}
	return 0;
}

cJSON *metadata_yaml(const char *what, const char *text, size_t len, unsigned max_values, struct error *err)
{
	struct loader l = { .what = what, .max = max_values };
	cJSON *raw;

	if (!yaml_parser_initialize(&l.parser)) {
		invalid(&l, err, "out of memory");
		return NULL;
	}
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	raw = load_document(&l, err);
	yaml_parser_delete(&l.parser);
	return raw;
}

cJSON *metadata_parse(const char *text, size_t len, struct error *err)
{
	AUTO_JSON cJSON *raw = NULL;
	cJSON *result;

	if (len > METADATA_SIZE_MAX) {
		error_set(err, ERROR_INVALID, "metadata.yaml is invalid: it is too long");
		return NULL;
	}
	raw = metadata_yaml("metadata.yaml", text, len, NODES_MAX, err);
	if (!raw)
		return NULL;
	result = cJSON_CreateObject();
	if (take_all(result, raw, err) == 0)
		return result;
	cJSON_Delete(result);
	return NULL;
}
