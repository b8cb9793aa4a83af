/* SPDX-License-Identifier: MIT */
/*
 * Devices follow their volume when it is renamed or moved to another pool, as in LXD: those of stopped instances and of
 * profiles. Snapshots of instances keep what they have. The devices are noted in args "users" {"instances": [names, which
 * the operation holds], "devices": [{"instance" or "profile", "device"}]}, so that what is undone is only what was done.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/instance.h"
#include "instance/volume_work.h"
#include "instance/work.h"
#include "model/profile.h"
#include "pool/custom_work.h"

struct end {
	const char *pool, *name;
};

/* A rename says "to", a move says where "from". */
static void ends_of(const cJSON *args, struct end *ret_from, struct end *ret_to)
{
	const char *pool = json_str_or(args, "pool", ""), *name = json_str_or(args, "volume", "");

	if (json_bool(args, "move", false)) {
		*ret_from = (struct end){ json_str_or(args, "from_pool", ""), json_str_or(args, "from", "") };
		*ret_to = (struct end){ pool, name };
	} else {
		*ret_from = (struct end){ pool, name };
		*ret_to = (struct end){ pool, json_str_or(args, "to", "") };
	}
}

/* ---- who they are */

static void note_devices(cJSON *users, const char *kind, const char *owner, const cJSON *devices, const struct end *end)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		cJSON *entry;

		if (!custom_is_device_of(device, end->pool, end->name))
			continue;
		entry = cJSON_CreateObject();
		json_set_str(entry, kind, owner);
		json_set_str(entry, "device", device->string);
		cJSON_AddItemToArray(json_arr(users, "devices"), entry);
	}
}

static bool has_name(const cJSON *list, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
			return true;
	return false;
}

/* Does a disk of the instance touch the volume's folder by its path, not by pool and name? */
static bool has_by_path(struct berthd *b, const struct instance *inst, const char *path)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const cJSON *device;

	instance_expand_shown(b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(device, devices) {
		const char *source = json_str_or(device, "source", "");

		if (strcmp(json_str_or(device, "type", ""), "disk") == 0 && source[0] == '/' && volume_touches(b, source, path))
			return true;
	}
	return false;
}

/* Of an entry of "instances"; NULL: it is gone, or the journal was damaged. */
static struct instance *user_of(struct berthd *b, const cJSON *item)
{
	return cJSON_IsString(item) ? registry_get(b->registry, item->valuestring) : NULL;
}

static int note_instance(struct berthd *b, cJSON *users, const char *name, const struct end *end, struct error *err)
{
	AUTO_FREE char *path = custom_path(b, end->pool, end->name);
	const struct instance *inst = registry_get(b->registry, name);

	if (has_name(json_arr(users, "instances"), name) || inst == NULL)
		return 0;
	if (instance_active(inst))
		return error_set(err, ERROR_TOOL, "Volume is still in use by running instances");
	if (has_by_path(b, inst, path))
		return error_set(err, ERROR_INVALID, "Volume is still in use: instance \"%s\" has it by its path", name);
	cJSON_AddItemToArray(json_arr(users, "instances"), cJSON_CreateString(name));
	note_devices(users, "instance", name, json_obj(inst->desired, "devices"), end);
	return 0;
}

int custom_users_note(struct berthd *b, cJSON *args, struct error *err)
{
	AUTO_FREE const char **profiles = profile_names(b->profiles);
	AUTO_JSON cJSON *disks = NULL;
	AUTO_FREE char *path = NULL;
	cJSON *users = cJSON_CreateObject();
	struct end from, to;
	const cJSON *item;

	ends_of(args, &from, &to);
	json_set(args, "users", users);
	cJSON_AddArrayToObject(users, "instances");
	cJSON_AddArrayToObject(users, "devices");
	path = custom_path(b, from.pool, from.name);
	disks = volume_users_of(b, path);
	cJSON_ArrayForEach(item, disks)
		if (note_instance(b, users, json_str_or(item, "instance", ""), &from, err) < 0)
			return -1;
	for (const char **p = profiles; *p != NULL; p++)
		note_devices(users, "profile", *p, json_obj(profile_get(b->profiles, *p), "devices"), &from);
	return 0;
}

int custom_users_check(struct berthd *b, cJSON *args, struct error *err)
{
	AUTO_JSON cJSON *held = cJSON_Duplicate(json_obj(args, "users"), true);
	const cJSON *item;

	if (custom_users_note(b, args, err) < 0)
		return -1;
	cJSON_ArrayForEach(item, json_arr(json_obj(args, "users"), "instances"))
		if (!has_name(json_arr(held, "instances"), item->valuestring))
			return error_set(err, ERROR_CONFLICT, "Volume is still in use: instance \"%s\" has just got it", item->valuestring);
	return 0;
}

/* ---- what they say */

/* True: the device was of `from`, and is of `to` now. */
static bool change_device(cJSON *devices, const char *name, const struct end *from, const struct end *to)
{
	cJSON *device = json_obj(devices, name);

	if (!custom_is_device_of(device, from->pool, from->name))
		return false;
	json_set_str(device, "pool", to->pool);
	json_set_str(device, "source", to->name);
	return true;
}

static int change_instance(struct berthd *b, const char *name, const char *device, const struct end *from,
			   const struct end *to, struct error *err)
{
	struct instance *inst = registry_get(b->registry, name);

	if (inst == NULL || !change_device(json_obj(inst->desired, "devices"), device, from, to))
		return 0;
	registry_touch(inst);
	return registry_save(b->registry, inst, JSON_DURABLE, err);
}

static int change_profile(struct berthd *b, const char *name, const char *device, const struct end *from,
			  const struct end *to, struct error *err)
{
	AUTO_JSON cJSON *profile = cJSON_Duplicate(profile_get(b->profiles, name), true);

	if (profile == NULL || !change_device(json_obj(profile, "devices"), device, from, to))
		return 0;
	return profile_put(b->profiles, name, profile, err);
}

static int change_all(struct berthd *b, const cJSON *users, const struct end *from, const struct end *to, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(users, "devices")) {
		const char *profile = json_str(item, "profile"), *device = json_str_or(item, "device", "");

		if ((profile != NULL ? change_profile(b, profile, device, from, to, err) :
				       change_instance(b, json_str_or(item, "instance", ""), device, from, to, err)) < 0)
			return -1;
	}
	cJSON_ArrayForEach(item, json_arr(users, "instances")) {
		struct instance *inst = user_of(b, item);

		if (inst != NULL)
			registry_touch(inst); /* for what it has of profiles */
	}
	return 0;
}

enum op_result step_custom_users(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);
	const cJSON *users = json_obj(w->args, "users");
	struct end from, to;

	if (users == NULL || json_arr(users, "devices")->child == NULL)
		return OP_DONE;
	ends_of(w->args, &from, &to);
	return op_save(op, err) < 0 || change_all(w->b, users, &from, &to, err) < 0 ? OP_FAIL : OP_DONE;
}

enum op_result step_custom_unusers(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);
	struct end from, to;

	ends_of(w->args, &from, &to);
	return change_all(w->b, json_obj(w->args, "users"), &to, &from, err) < 0 ? OP_FAIL : OP_DONE;
}

/* After the volume is where they say it is, which is asked when it is mounted; each start does it again. */
enum op_result step_custom_render(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);
	const cJSON *item;

	(void)err;
	cJSON_ArrayForEach(item, json_arr(json_obj(w->args, "users"), "instances")) {
		const struct instance *inst = user_of(w->b, item);
		AUTO_FREE char *dir = inst != NULL ? instance_dir(w->b, inst->name) : NULL;
		struct error failed = ERROR_INIT;

		if (inst != NULL && work_render(w->b, inst->name, dir, inst->desired, &failed) < 0)
			log_warning("instance '%s': %s", inst->name, failed.msg);
	}
	return OP_DONE;
}
