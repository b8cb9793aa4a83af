/* SPDX-License-Identifier: MIT */
#include "instance/root_volume.h"

#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "instance/instance.h"
#include "instance/snapshot.h"
#include "instance/work.h"
#include "pool/pool.h"

#define NOTE "volume" /* in berth.json, and in the operation's args */

void root_volume_show(const cJSON *of, cJSON *v)
{
	const cJSON *note = json_obj(of, NOTE), *config = json_obj(note, "config");

	json_set(v, "config", config != NULL ? cJSON_Duplicate(config, true) : cJSON_CreateObject());
	json_set_str(v, "description", json_str_or(note, "description", ""));
}

static cJSON *note_new(const cJSON *config, const char *description)
{
	cJSON *v = cJSON_CreateObject();
	cJSON *kept = cJSON_AddObjectToObject(v, "config");
	const cJSON *item;

	cJSON_ArrayForEach(item, config)
		if (cJSON_IsString(item) && item->valuestring[0] != '\0')
			json_set(kept, item->string, cJSON_Duplicate(item, true));
	json_sort(kept);
	json_set_str(v, "description", description);
	return v;
}

void root_volume_copy(cJSON *desired, const cJSON *source)
{
	const cJSON *config = json_obj(json_obj(source, NOTE), "config");

	if (config != NULL && config->child != NULL)
		json_set(desired, NOTE, note_new(config, ""));
}

/* ---- the operation: one file */

static int put_snapshot(const struct work *w, const char *snapshot, struct error *err)
{
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_JSON cJSON *v = NULL;

	if (inst == NULL || snapshot_find(w->b, inst, snapshot, err) == NULL)
		return -1;
	dir = snapshot_dir(w->b, w->name, snapshot);
	path = fs_join(dir, DESIRED_FILE);
	v = json_read_file(path, err);
	if (v == NULL)
		return -1;
	json_set(v, NOTE, note_new(json_obj(json_obj(v, NOTE), "config"), json_str_or(json_obj(w->args, NOTE), "description", "")));
	if (json_write_file(path, v, JSON_DURABLE, err) < 0)
		return -1;
	snapshot_changed(inst);
	return 0;
}

static int put_instance(const struct work *w, struct error *err)
{
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	cJSON *was;

	if (inst == NULL)
		return -1;
	was = cJSON_DetachItemFromObjectCaseSensitive(inst->desired, NOTE);
	json_set(inst->desired, NOTE, cJSON_Duplicate(json_obj(w->args, NOTE), true));
	if (registry_save(w->b->registry, inst, JSON_DURABLE, err) == 0) {
		cJSON_Delete(was);
		return 0;
	}
	json_set(inst->desired, NOTE, was);
	return -1;
}

static enum op_result step_put(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	const char *snapshot = json_str(w->args, "snapshot");

	return (snapshot != NULL ? put_snapshot(w, snapshot, err) : put_instance(w, err)) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step steps[] = { { "put", step_put, NULL, 0, 0 }, { 0 } };

static const struct op_kind put_kind = {
	.name = "root-volume-put",
	.description = "Updating storage volume",
	.steps = steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true,
};

void root_volume_register(struct op_queue *q)
{
	op_queue_register(q, &put_kind);
}

/* ---- requests */

static int check_key(const char *name, const cJSON *item, struct error *err)
{
	uint64_t bytes;

	if (!cJSON_IsString(item))
		return error_set(err, ERROR_INVALID, "the value of '%.128s' must be a string", item->string);
	if (item->valuestring[0] == '\0')
		return 0;
	if (strcmp(item->string, "size") == 0) {
		if (units_parse_size(item->valuestring, &bytes, err) < 0)
			return error_wrap(err, "Invalid value for volume \"%s\" option \"size\"", name);
		return error_set(err, ERROR_INVALID, "Volume \"size\" property is not valid for volume type: set the size of the "
				 "root disk of '%s'", name);
	}
	if (strncmp(item->string, "user.", 5) != 0 && strncmp(item->string, "volatile.idmap.", 15) != 0 &&
	    strncmp(item->string, "snapshots.", 10) != 0)
		return error_set(err, ERROR_INVALID, "Invalid option for volume \"%s\" option \"%.128s\"", name, item->string);
	return 0;
}

static int check_config(const char *name, const cJSON *config, struct error *err)
{
	const cJSON *item;

	if (config != NULL && !cJSON_IsNull(config) && !cJSON_IsObject(config))
		return error_set(err, ERROR_INVALID, "'config' must be an object");
	cJSON_ArrayForEach(item, config)
		if (check_key(name, item, err) < 0)
			return -1;
	return pool_volume_config_check("dir", name, config, err);
}

static struct op *start(struct berthd *b, const char *name, const char *snapshot, cJSON *note, struct error *err)
{
	cJSON *args = cJSON_CreateObject();

	json_set_str(args, "name", name);
	json_set_str(args, "snapshot", snapshot);
	json_set(args, NOTE, note);
	return work_start(b, &put_kind, args, err);
}

struct op *root_volume_put(struct berthd *b, const char *name, const cJSON *request, struct error *err)
{
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(request, "config");
	const struct instance *inst = registry_find(b->registry, name, err);

	if (inst == NULL || check_config(name, config, err) < 0)
		return NULL;
	if (inst->adopted) {
		error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: nothing can be noted of its volume", name);
		return NULL;
	}
	return start(b, name, NULL, note_new(config, json_str_or(request, "description", "")), err);
}

struct op *root_volume_describe(struct berthd *b, const char *name, const char *snapshot, const char *description,
				struct error *err)
{
	struct instance *inst = registry_find(b->registry, name, err);

	if (inst == NULL)
		return NULL;
	if (inst->adopted || snapshot_find(b, inst, snapshot, err) == NULL) {
		error_set(err, ERROR_NOT_FOUND, "Storage pool volume not found");
		return NULL;
	}
	return start(b, name, snapshot, note_new(NULL, description), err);
}
