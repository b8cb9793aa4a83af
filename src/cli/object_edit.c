/* SPDX-License-Identifier: MIT */
/* What config, profile and image have in common: edit, get, set, unset. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/keyval.h"
#include "cli/object.h"

struct edit {
	struct cli *cli;
	struct object *object;
};

static int edit_apply(const cJSON *v, void *data, struct error *err)
{
	struct edit *e = data;

	if (!cJSON_IsObject(v))
		return error_set(err, ERROR_INVALID, "the %s must be a YAML map", e->object->kind->name);
	cJSON_Delete(e->object->value);
	e->object->value = cJSON_Duplicate(v, true);
	return object_send(e->cli, e->object, err);
}

/* Comment and YAML as the editor shows them; caller frees. */
static char *edit_text(const struct object *o, struct error *err)
{
	AUTO_JSON cJSON *view = cJSON_CreateObject();
	const char *const *member;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f) {
		error_set(err, ERROR_SYSTEM, "cannot make room for the text to edit");
		return NULL;
	}
	for (member = o->kind->shown; *member; member++) {
		cJSON *item = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(o->value, *member), true);

		if (cJSON_IsObject(item))
			json_sort(item);
		if (item)
			json_set(view, *member, item);
	}
	fputs(o->kind->edit_help, f);
	fputc('\n', f);
	if (yaml_print(view, f, err) < 0) {
		(void)fclose(f);
		free(text);
		return NULL;
	}
	if (fclose(f) == 0)
		return text;
	free(text);
	error_set(err, ERROR_SYSTEM, "cannot make room for the text to edit");
	return NULL;
}

int object_edit(struct cli *cli, const struct object_kind *kind, const char *name, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_FREE char *text = NULL;
	struct edit e = { .cli = cli, .object = &o };

	if (!stdin_is_tty()) {
		object_init(&o, kind, name);
		return edit_yaml(NULL, edit_apply, &e, err);
	}
	if (object_get(cli, kind, name, &o, err) < 0)
		return -1;
	text = edit_text(&o, err);
	if (!text)
		return -1;
	return edit_yaml(text, edit_apply, &e, err);
}

int object_run_get(struct cli *cli, const struct object_kind *kind, const char *name, const char *key,
		   bool expanded, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	const cJSON *map, *item;

	if (object_get(cli, kind, name, &o, err) < 0)
		return -1;
	map = expanded ? json_obj(o.value, "expanded_config") : object_settings(&o);
	item = cJSON_GetObjectItemCaseSensitive(map, key);
	if (cJSON_IsString(item)) {
		puts(item->valuestring);
	} else {
		AUTO_FREE char *text = item ? json_text(item) : mem_strdup("");

		puts(text);
	}
	return 0;
}

int object_run_set(struct cli *cli, const struct object_kind *kind, const char *name, int argc, char **argv,
		   struct error *err)
{
	AUTO_JSON cJSON *values = keyval_parse(argc, argv, err);
	AUTO_OBJECT struct object o = { 0 };

	if (!values || object_get(cli, kind, name, &o, err) < 0 || object_set(&o, values, err) < 0)
		return -1;
	return object_put(cli, &o, err);
}

int object_run_unset(struct cli *cli, const struct object_kind *kind, const char *name, const char *key,
		     struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };

	if (object_get(cli, kind, name, &o, err) < 0 || object_unset(&o, key, err) < 0)
		return -1;
	return object_put(cli, &o, err);
}
