/* SPDX-License-Identifier: MIT */
#include "cli/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/instance.h"

void object_init(struct object *o, const struct object_kind *kind, const char *name)
{
	AUTO_FREE char *segment = NULL;

	if (name)
		name = instance_local(name);
	segment = client_escape(name ? name : "");
	*o = (struct object){ .kind = kind, .name = mem_strdup(name ? name : "") };
	if (kind == &object_instance && name && strchr(name, '/'))
		o->kind = &object_snapshot;
	if (o->kind->path)
		o->path = o->kind->path(name ? name : "");
	else
		o->path = name ? mem_printf("%s%s", kind->prefix, segment) : mem_strdup(kind->prefix);
}

void object_clear(struct object *o)
{
	free(o->name);
	free(o->path);
	free(o->etag);
	cJSON_Delete(o->value);
	*o = (struct object){ 0 };
}

int object_get(struct cli *cli, const struct object_kind *kind, const char *name, struct object *ret, struct error *err)
{
	object_init(ret, kind, name);
	if (name && *name == '\0')
		error_set(err, ERROR_INVALID, "the name of the %s is empty", kind->name);
	else
		ret->value = client_get(cli->client, ret->path, &ret->etag, err);
	if (ret->value && !cJSON_IsObject(ret->value))
		error_set(err, ERROR_TOOL, "berthd sent no object for %s '%s'", kind->name, ret->name);
	if (ret->value && cJSON_IsObject(ret->value))
		return 0;
	object_clear(ret);
	return -1;
}

void object_note_pending(const cJSON *operation)
{
	const cJSON *pending = json_arr(json_obj(operation, "metadata"), "pending");
	AUTO_STRBUF struct strbuf names = STRBUF_INIT;
	const cJSON *item;

	cJSON_ArrayForEach(item, pending) {
		if (cJSON_IsString(item))
			strbuf_addf(&names, "%s%s", names.len ? ", " : "", item->valuestring);
	}
	if (names.len)
		fprintf(stderr, "note: takes effect after a restart: %s\n", names.buf);
	cJSON_ArrayForEach(item, json_arr(json_obj(operation, "metadata"), "warnings")) {
		if (cJSON_IsString(item))
			fprintf(stderr, "warning: not changed now: %s\n", item->valuestring);
	}
}

static cJSON *writable_part(const struct object *o)
{
	cJSON *body = cJSON_CreateObject();
	const char *const *member;

	for (member = o->kind->writable; *member; member++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(o->value, *member);

		if (item)
			json_set(body, *member, cJSON_Duplicate(item, true));
	}
	return body;
}

int object_send(struct cli *cli, const struct object *o, struct error *err)
{
	AUTO_JSON cJSON *body = writable_part(o);
	AUTO_JSON cJSON *result = client_change(cli->client, "PUT", o->path, body, o->etag, err);

	if (result) {
		object_note_pending(result);
		return 0;
	}
	if (err->code == ERROR_PRECONDITION)
		return error_set(err, ERROR_PRECONDITION,
				 "the %s%s%s was changed by somebody else meanwhile, nothing was written; run the command again",
				 o->kind->name, *o->name ? " " : "", o->name);
	return -1;
}

int object_put(struct cli *cli, const struct object *o, struct error *err)
{
	if (!o->kind->frozen)
		return object_send(cli, o, err);
	return error_set(err, ERROR_INVALID, "the configuration of a snapshot is what it was: only %s '%s'", o->kind->frozen,
			 o->name);
}

cJSON *object_map(struct object *o, const char *member)
{
	cJSON *map = json_obj(o->value, member);

	if (!map) {
		map = cJSON_CreateObject();
		json_set(o->value, member, map);
	}
	return map;
}

cJSON *object_settings(struct object *o)
{
	return object_map(o, o->kind->settings);
}

int object_set(struct object *o, const cJSON *values, struct error *err)
{
	cJSON *settings = object_settings(o);
	const cJSON *item;

	cJSON_ArrayForEach(item, values) {
		if (!o->kind->unset_sends_empty && item->valuestring[0] == '\0')
			json_set_str(settings, item->string, NULL);
		else
			json_set_str(settings, item->string, item->valuestring);
	}
	return 0;
}

int object_unset(struct object *o, const char *key, struct error *err)
{
	cJSON *settings = object_settings(o);

	if (!cJSON_GetObjectItemCaseSensitive(settings, key))
		return error_set(err, ERROR_NOT_FOUND, "cannot unset key '%s', it is not set", key);
	json_set_str(settings, key, o->kind->unset_sends_empty ? "" : NULL);
	return 0;
}

static cJSON *shown_part(const struct object *o, bool expanded)
{
	cJSON *view = cJSON_CreateObject();
	const char *const *member;

	for (member = o->kind->shown; *member; member++) {
		AUTO_FREE char *long_name = mem_printf("expanded_%s", *member);
		const cJSON *item = expanded ? cJSON_GetObjectItemCaseSensitive(o->value, long_name) : NULL;
		cJSON *copy;

		if (!item)
			item = cJSON_GetObjectItemCaseSensitive(o->value, *member);
		if (!item)
			continue;
		copy = cJSON_Duplicate(item, true);
		if (cJSON_IsObject(copy))
			json_sort(copy);
		json_set(view, *member, copy);
	}
	return view;
}

int object_show(const struct object *o, bool expanded, struct error *err)
{
	AUTO_JSON cJSON *view = shown_part(o, expanded);

	return yaml_print(view, stdout, err);
}
