/* SPDX-License-Identifier: MIT */
/* LXD's index.yaml, whose scalars are all strings here, as a request that makes the instance. */
#include <stdio.h>
#include <string.h>

#include "backup/import.h"
#include "backup/import_private.h"
#include "backup/restore.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/snapshot_pattern.h"

/* {} and [] may be left out; "" is YAML's null. */
static cJSON *part(const cJSON *from, const char *key, bool list)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, key);

	if (list ? cJSON_IsArray(v) : cJSON_IsObject(v))
		return cJSON_Duplicate(v, true);
	if (v == NULL || (cJSON_IsString(v) && v->valuestring[0] == '\0'))
		return list ? cJSON_CreateArray() : cJSON_CreateObject();
	return NULL;
}

/* What an instance and a snapshot have in common. */
static cJSON *read_one(const cJSON *from, const char *what, struct error *err)
{
	static const char *const texts[] = { "architecture", "description" };
	cJSON *v = cJSON_CreateObject();

	json_set(v, "config", part(from, "config", false));
	json_set(v, "devices", part(from, "devices", false));
	json_set(v, "profiles", part(from, "profiles", true));
	for (size_t i = 0; i < 2; i++)
		json_set_str(v, texts[i], json_str_or(from, texts[i], ""));
	json_set_bool(v, "ephemeral", strcmp(json_str_or(from, "ephemeral", ""), "true") == 0);
	import_put_time(v, "created_at", from);
	if (restore_is_desired(v))
		return v;
	error_set(err, ERROR_INVALID, "the backup's index is no description of an instance: config, devices and profiles of %s must "
				      "hold strings", what);
	cJSON_Delete(v);
	return NULL;
}

/* ---- how its files lie */

static int take_shift(const cJSON *config, cJSON *archive, struct error *err)
{
	return import_take_shift(json_str_or(config, "volatile.last_state.idmap", ""), archive, err);
}

/* ---- snapshots */

/* What is volatile belongs to the instance as it was there. */
static void drop_volatile(cJSON *config)
{
	cJSON *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "volatile.", 9) == 0 && strcmp(item->string, "volatile.base_image") != 0 &&
		    strcmp(item->string, "volatile.apply_template") != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
}

static int take_snapshot(const cJSON *from, cJSON *list, struct error *err)
{
	const char *name = import_snapshot_name(from);
	cJSON *v;

	if (name_validate_snapshot(name, err) < 0 || import_check_once(list, name, err) < 0)
		return -1;
	v = read_one(from, "a snapshot", err);
	if (v == NULL)
		return -1;
	/* made before the first start, or after a change of the map, they lie otherwise than the container's */
	if (json_str(json_obj(v, "config"), "volatile.last_state.idmap") != NULL) {
		json_set_str(v, "shift", "");
		if (take_shift(json_obj(v, "config"), v, err) < 0) {
			cJSON_Delete(v);
			return -1;
		}
	}
	drop_volatile(json_obj(v, "config"));
	json_set_str(v, "name", name);
	json_set_str(v, "driver", "dir");
	json_set_bool(v, "stateful", false);
	import_put_time(v, "expires_at", from);
	cJSON_AddItemToArray(list, v);
	return 0;
}

static int take_snapshots(const cJSON *index, cJSON *archive, struct error *err)
{
	cJSON *list = cJSON_AddArrayToObject(archive, "snapshots");
	const cJSON *item;
	cJSON *taken;

	cJSON_ArrayForEach(item, json_arr(json_obj(index, "config"), "snapshots"))
		if (take_snapshot(item, list, err) < 0)
			return -1;
	cJSON_ArrayForEach(taken, list)
		if (json_str(taken, "shift") == NULL)
			json_set_str(taken, "shift", json_str(archive, "shift"));
	return import_check_all(index, list, err);
}

/* ---- all */

static int check_kind(const cJSON *index, struct error *err)
{
	const char *type = json_str_or(index, "type", "container");

	if (type[0] != '\0' && strcmp(type, "container") != 0)
		return error_set(err, ERROR_UNSUPPORTED, "the backup is of type '%.32s': berth manages containers only", type);
	return 0;
}

cJSON *import_read(const cJSON *index, const char *name, struct error *err)
{
	const cJSON *config = json_obj(index, "config"), *container = json_obj(config, "container");
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	cJSON *request, *archive = cJSON_AddObjectToObject(v, "archive"), *result;

	if (container == NULL)
		container = json_obj(config, "instance"); /* of later LXD's */
	if (check_kind(index, err) < 0)
		return NULL;
	if (container == NULL) {
		error_set(err, ERROR_INVALID, "the backup's index describes no container");
		return NULL;
	}
	request = read_one(container, "the container", err);
	json_set(v, "request", request);
	if (request == NULL || take_shift(json_obj(request, "config"), archive, err) < 0 ||
	    take_snapshots(index, archive, err) < 0 || import_take_streams(index, archive, err) < 0)
		return NULL;
	json_set_str(request, "name", name != NULL ? name : json_str_or(index, "name", json_str_or(container, "name", "")));
	json_set_bool(archive, "lxd", true);
	json_set_str(archive, "description", "Restoring backup");
	result = v;
	v = NULL;
	return result;
}
