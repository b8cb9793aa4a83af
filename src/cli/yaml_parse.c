/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"

/* What the scalars below a value are: by their looks, or text; MAPS_OF_TEXT is one level above TEXT. */
enum kind { KIND_TOP, KIND_ANY, KIND_TEXT, KIND_MAPS_OF_TEXT };

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	bool have;
	unsigned depth;
	struct error *err;
};

static int next(struct reader *r)
{
	if (r->have)
		yaml_event_delete(&r->event);
	r->have = yaml_parser_parse(&r->parser, &r->event);
	if (r->have)
		return 0;
	return error_set(r->err, ERROR_INVALID, "line %zu: %s", r->parser.problem_mark.line + 1,
			 r->parser.problem ? r->parser.problem : "out of memory");
}

static int refuse(struct reader *r, const char *what)
{
	return error_set(r->err, ERROR_INVALID, "line %zu: %s", r->event.start_mark.line + 1, what);
}

static cJSON *plain_value(const char *s)
{
	const char *digits = s + (*s == '-');
	size_t n = strspn(digits, "0123456789");
	char *end;
	double d;

	if (!*s || !strcmp(s, "~") || !strcmp(s, "null") || !strcmp(s, "Null") || !strcmp(s, "NULL"))
		return cJSON_CreateNull();
	if (!strcmp(s, "true") || !strcmp(s, "True") || !strcmp(s, "TRUE"))
		return cJSON_CreateTrue();
	if (!strcmp(s, "false") || !strcmp(s, "False") || !strcmp(s, "FALSE"))
		return cJSON_CreateFalse();
	/* 007 is no number, and what a double cannot hold stays text */
	if (n == 0 || (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') || n > 15 ||
	    strspn(digits, "0123456789.eE+-") != strlen(digits))
		return cJSON_CreateString(s);
	d = strtod(s, &end);
	return *end ? cJSON_CreateString(s) : cJSON_CreateNumber(d);
}

static cJSON *read_scalar(struct reader *r, enum kind kind)
{
	const char *s = (const char *)r->event.data.scalar.value;
	bool plain =
	    r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && r->event.data.scalar.plain_implicit;

	if (strlen(s) != r->event.data.scalar.length) {
		refuse(r, "a NUL character is not allowed");
		return NULL;
	}
	if (plain && kind == KIND_TEXT)
		return cJSON_CreateString(!strcmp(s, "~") || !strcmp(s, "null") ? "" : s);
	return plain ? plain_value(s) : cJSON_CreateString(s);
}

static enum kind kind_below(enum kind kind, const char *key)
{
	if (kind == KIND_TOP && (!strcmp(key, "config") || !strcmp(key, "properties")))
		return KIND_TEXT;
	if (kind == KIND_TOP && !strcmp(key, "devices"))
		return KIND_MAPS_OF_TEXT;
	if (kind == KIND_MAPS_OF_TEXT || kind == KIND_TEXT)
		return KIND_TEXT;
	return KIND_ANY;
}

static cJSON *read_value(struct reader *r, enum kind kind);

static int read_entry(struct reader *r, cJSON *map, enum kind kind)
{
	AUTO_FREE char *key = NULL;
	cJSON *v;

	if (r->event.type != YAML_SCALAR_EVENT)
		return refuse(r, "a key must be plain text");
	key = mem_strdup((const char *)r->event.data.scalar.value);
	if (cJSON_GetObjectItemCaseSensitive(map, key))
		return error_set(r->err, ERROR_INVALID, "line %zu: key '%s' is there twice",
				 r->event.start_mark.line + 1, key);
	if (next(r) < 0)
		return -1;
	v = read_value(r, kind_below(kind, key));
	if (!v)
		return -1;
	cJSON_AddItemToObject(map, key, v);
	return 0;
}

static cJSON *read_map(struct reader *r, enum kind kind)
{
	cJSON *map = cJSON_CreateObject();
	int rc = next(r);

	while (rc == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
		rc = read_entry(r, map, kind);
		if (rc == 0)
			rc = next(r);
	}
	if (rc == 0)
		return map;
	cJSON_Delete(map);
	return NULL;
}

static cJSON *read_list(struct reader *r, enum kind kind)
{
	cJSON *list = cJSON_CreateArray();
	int rc = next(r);

	while (rc == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
		cJSON *v = read_value(r, kind == KIND_TEXT ? KIND_TEXT : KIND_ANY);

		if (v)
			cJSON_AddItemToArray(list, v);
		rc = v ? next(r) : -1;
	}
	if (rc == 0)
		return list;
	cJSON_Delete(list);
	return NULL;
}

/* The value that begins at the current event; its last event is the current one afterwards. */
static cJSON *read_value(struct reader *r, enum kind kind)
{
	cJSON *v = NULL;

	if (r->event.type == YAML_SCALAR_EVENT)
		return read_scalar(r, kind);
	if (r->depth >= JSON_DEPTH_MAX) {
		refuse(r, "nested too deep");
		return NULL;
	}
	r->depth++;
	if (r->event.type == YAML_MAPPING_START_EVENT)
		v = read_map(r, kind);
	else if (r->event.type == YAML_SEQUENCE_START_EVENT)
		v = read_list(r, kind);
	else
		refuse(r, "aliases are not supported");
	r->depth--;
	return v;
}

/* stream start, document start, value, document end, stream end */
static cJSON *read_document(struct reader *r)
{
	cJSON *v;

	if (next(r) < 0 || next(r) < 0)
		return NULL;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return cJSON_CreateNull();
	if (next(r) < 0)
		return NULL;
	v = read_value(r, KIND_TOP);
	if (!v)
		return NULL;
	if (next(r) == 0 && next(r) == 0) {
		if (r->event.type == YAML_STREAM_END_EVENT)
			return v;
		refuse(r, "there is a second document");
	}
	cJSON_Delete(v);
	return NULL;
}

cJSON *yaml_parse(const char *text, size_t len, struct error *err)
{
	struct reader r = { .err = err };
	cJSON *v;

	if (!yaml_parser_initialize(&r.parser)) {
		error_set(err, ERROR_SYSTEM, "out of memory");
		return NULL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	v = read_document(&r);
	if (r.have)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return v;
}
