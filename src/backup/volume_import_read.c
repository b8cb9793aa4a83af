/* SPDX-License-Identifier: MIT */
/* LXD's index.yaml of a volume as what is to be made. */
#include <string.h>

#include "backup/import_private.h"
#include "backup/volume_import.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "pool/custom.h"

static int check_kind(const cJSON *index, struct error *err)
{
	const char *type = json_str_or(index, "type", "");

	if (strcmp(type, "custom") != 0)
		return error_set(err, ERROR_INVALID, "the backup is of type '%.32s', not of a custom volume", type);
	if (json_obj(json_obj(index, "config"), "volume") == NULL)
		return error_set(err, ERROR_INVALID, "the backup's index describes no volume");
	return 0;
}

/* What a volume and a snapshot have in common; volatile.* belongs to the volume where it was. */
static cJSON *read_one(const cJSON *from, const char *what, struct error *err)
{
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(from, "config"), *item; /* "" is YAML's null */
	const char *content = json_str_or(from, "content_type", "");
	cJSON *v = cJSON_CreateObject(), *taken = cJSON_AddObjectToObject(v, "config");

	if (content[0] != '\0' && strcmp(content, "filesystem") != 0)
		error_set(err, ERROR_UNSUPPORTED, "the backup is of a volume of type '%.32s': containers take file systems only", content);
	else if (config != NULL && !cJSON_IsObject(config) && json_str_or(from, "config", "x")[0] != '\0')
		error_set(err, ERROR_INVALID, "the backup's index is no description of a volume: config of %s must hold strings", what);
	for (item = err->code == ERROR_NONE && config != NULL ? config->child : NULL; item; item = item->next) {
		if (!cJSON_IsString(item))
			error_set(err, ERROR_INVALID, "the backup's index is no description of a volume: '%.64s' of %s is no string",
				  item->string, what);
		else if (strncmp(item->string, "volatile.", 9) != 0)
			json_set_str(taken, item->string, item->valuestring);
	}
	json_set_str(v, "description", json_str_or(from, "description", ""));
	/* how the files lie: as the last container had them, where nothing mapped the mounts; of a snapshot, the last one then */
	if (err->code == ERROR_NONE && import_take_shift(json_str_or(config, "volatile.idmap.last", ""), v, err) == 0)
		return v;
	cJSON_Delete(v);
	return NULL;
}

static int take_snapshot(const cJSON *from, cJSON *list, struct error *err)
{
	const char *name = import_snapshot_name(from);
	cJSON *v;

	if (custom_name_check_snapshot(name, err) < 0 || import_check_once(list, name, err) < 0)
		return -1;
	v = read_one(from, "a snapshot", err);
	if (v == NULL)
		return -1;
	json_set_str(v, "name", name);
	import_put_time(v, "created_at", from);
	import_put_time(v, "expires_at", from);
	cJSON_AddItemToArray(list, v);
	return 0;
}

static int take_snapshots(const cJSON *index, cJSON *v, struct error *err)
{
	cJSON *list = cJSON_AddArrayToObject(v, "snapshots");
	const cJSON *item;

	if (cJSON_GetArraySize(json_arr(index, "snapshots")) == 0)
		return 0; /* of --volume-only, whatever else is said */
	cJSON_ArrayForEach(item, json_arr(json_obj(index, "config"), "volume_snapshots"))
		if (take_snapshot(item, list, err) < 0)
			return -1;
	return import_check_all(index, list, err);
}

cJSON *volume_import_read(const cJSON *index, struct error *err)
{
	const cJSON *volume = json_obj(json_obj(index, "config"), "volume");
	cJSON *v;

	if (check_kind(index, err) < 0)
		return NULL;
	v = read_one(volume, "the volume", err);
	if (v == NULL)
		return NULL;
	json_set_str(v, "name", json_str_or(index, "name", json_str_or(volume, "name", "")));
	if (import_take_streams(index, v, err) == 0 && take_snapshots(index, v, err) == 0)
		return v;
	cJSON_Delete(v);
	return NULL;
}
