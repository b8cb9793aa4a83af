/* SPDX-License-Identifier: MIT */
/* Names for images: <images_path>/aliases.json, {"name":{"target","description","type"}}. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/store_private.h"

int alias_load(struct image_store *s, struct error *err)
{
	AUTO_FREE char *path = fs_join(s->dir, "aliases.json");

	if (!fs_exists(path)) {
		s->aliases = cJSON_CreateObject();
		return 0;
	}
	s->aliases = json_read_file(path, err);
	if (!s->aliases)
		return -1;
	return cJSON_IsObject(s->aliases) ? 0 : error_set(err, ERROR_INVALID, "'%s' is no JSON object", path);
}

const cJSON *image_aliases(const struct image_store *s)
{
	return s->aliases;
}

/* Writes the new ones, then they count; takes them in any case. */
static int replace(struct image_store *s, cJSON *aliases, struct error *err)
{
	AUTO_FREE char *path = fs_join(s->dir, "aliases.json");

	json_sort(aliases);
	if (json_write_file(path, aliases, JSON_DURABLE, err)) {
		cJSON_Delete(aliases);
		return -1;
	}
	cJSON_Delete(s->aliases);
	s->aliases = aliases;
	return 0;
}

static int check_name(const char *name, struct error *err)
{
	if (!name || !*name)
		return error_set(err, ERROR_INVALID, "an image alias needs a name");
	if (strlen(name) > 255)
		return error_set(err, ERROR_INVALID, "an image alias is at most 255 bytes long");
	if (!text_is_word(name))
		return error_set(err, ERROR_INVALID, "an image alias holds no blanks and no control characters");
	return 0;
}

static cJSON *alias(const struct image_store *s, const char *name, struct error *err)
{
	cJSON *a = json_obj(s->aliases, name);

	if (!a)
		error_set(err, ERROR_NOT_FOUND, "Image alias not found");
	return a;
}

/* The full fingerprint that a target means; names of other aliases are no targets. */
static const char *find_target(const struct image_store *s, const char *target, struct error *err)
{
	if (!target || !*target) {
		error_set(err, ERROR_INVALID, "an image alias needs a target");
		return NULL;
	}
	if (json_obj(s->aliases, target) && !image_get(s, target)) {
		error_set(err, ERROR_NOT_FOUND, "Image not found");
		return NULL;
	}
	return image_resolve(s, target, err);
}

int image_alias_create(struct image_store *s, const char *name, const char *target, const char *description,
		       struct error *err)
{
	const char *fingerprint;
	cJSON *aliases, *a;

	if (check_name(name, err))
		return -1;
	if (json_obj(s->aliases, name))
		return error_set(err, ERROR_CONFLICT, "Alias \"%s\" already exists", name);
	fingerprint = find_target(s, target, err);
	if (!fingerprint)
		return -1;
	aliases = cJSON_Duplicate(s->aliases, true);
	a = cJSON_AddObjectToObject(aliases, name);
	json_set_str(a, "description", description ? description : "");
	json_set_str(a, "target", fingerprint);
	json_set_str(a, "type", "container");
	return replace(s, aliases, err);
}

int image_alias_put(struct image_store *s, const char *name, const char *target_or_null,
		    const char *description_or_null, struct error *err)
{
	const char *fingerprint = NULL;
	cJSON *aliases, *a;

	if (!alias(s, name, err))
		return -1;
	if (target_or_null) {
		fingerprint = find_target(s, target_or_null, err);
		if (!fingerprint)
			return -1;
	}
	aliases = cJSON_Duplicate(s->aliases, true);
	a = json_obj(aliases, name);
	if (fingerprint)
		json_set_str(a, "target", fingerprint);
	if (description_or_null)
		json_set_str(a, "description", description_or_null);
	return replace(s, aliases, err);
}

int image_alias_rename(struct image_store *s, const char *name, const char *new_name, struct error *err)
{
	cJSON *aliases;

	if (!alias(s, name, err) || check_name(new_name, err))
		return -1;
	if (json_obj(s->aliases, new_name))
		return error_set(err, ERROR_CONFLICT, "Alias \"%s\" already exists", new_name);
	aliases = cJSON_Duplicate(s->aliases, true);
	json_set(aliases, new_name, cJSON_DetachItemFromObjectCaseSensitive(aliases, name));
	return replace(s, aliases, err);
}

int image_alias_delete(struct image_store *s, const char *name, struct error *err)
{
	cJSON *aliases;

	if (!alias(s, name, err))
		return -1;
	aliases = cJSON_Duplicate(s->aliases, true);
	json_set(aliases, name, NULL);
	return replace(s, aliases, err);
}

int alias_remove_of(struct image_store *s, const char *fingerprint, struct error *err)
{
	cJSON *aliases = cJSON_Duplicate(s->aliases, true), *a, *next;
	bool changed = false;

	for (a = aliases->child; a; a = next) {
		next = a->next;
		if (strcmp(json_str_or(a, "target", ""), fingerprint))
			continue;
		cJSON_Delete(cJSON_DetachItemViaPointer(aliases, a));
		changed = true;
	}
	if (changed)
		return replace(s, aliases, err);
	cJSON_Delete(aliases);
	return 0;
}
