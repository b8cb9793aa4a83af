/* SPDX-License-Identifier: MIT */
/*
 * Attach and detach. The configuration is written first and the running container changed then, so that a killed berthd
 * finds in its journal what to take back; an attachment that the container does not take (a link in the way, a file
 * system without idmapped mounts) is taken back too, where an update would let it wait for the restart.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/update.h"
#include "instance/volume_work.h"
#include "model/key_types.h"
#include "model/settings.h"

#define DEVICE_NUMBER_MAX 100

static const char *arg(const struct work *w, const char *key)
{
	return json_str_or(w->args, key, "");
}

struct op *volume_start(struct berthd *b, const struct op_kind *kind, cJSON *args, struct error *err)
{
	const char *name = json_str_or(args, "name", ""), *owner = json_str_or(args, "owner", "");
	AUTO_FREE char *instance = mem_printf("instance/%s", name);
	AUTO_FREE char *volume = mem_printf("volume/%s/%s", owner, json_str_or(args, "volume", ""));
	AUTO_FREE char *instance_url = mem_printf("/1.0/instances/%s", name);
	AUTO_FREE char *volume_url = mem_printf("/1.0/volumes/%s/%s", owner, json_str_or(args, "volume", ""));
	const char *locks[] = { instance, volume, NULL }, *instances[] = { instance_url }, *volumes[] = { volume_url };
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };

	if (registry_get(b->registry, name) != NULL)
		json_set(options.resources, "instances", cJSON_CreateStringArray(instances, 1));
	json_set(options.resources, "volumes", cJSON_CreateStringArray(volumes, 1));
	return op_start(b->ops, kind, args, &options, err);
}

/* ---- attach: what can be wrong is found before anything is made */

static int check_source(struct work *w, struct error *err)
{
	int found = volume_exists(w->b, arg(w, "owner"), arg(w, "volume"), err);

	if (found < 0)
		return -1;
	json_set_bool(w->args, "makes", found == 0);
	if (found == 0 && volume_check_free(w->b, arg(w, "owner"), arg(w, "volume"), err) < 0)
		return -1;
	if (found > 0 || (strcmp(arg(w, "owner"), w->name) == 0 && json_bool(w->args, "create", true)))
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "Volume not found: '%s/%s'", arg(w, "owner"), arg(w, "volume"));
}

/* Without idmapped mounts its files have the ids of one map. */
static int check_map(const struct work *w, const struct instance *inst, struct error *err)
{
	AUTO_FREE char *path = volume_path(w->b, arg(w, "owner"), arg(w, "volume"));
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;
	struct stat st;

	if (w->b->probe->idmapped_mounts || json_bool(w->args, "makes", false))
		return 0;
	instance_expand(w->b, inst->desired, &config, &devices);
	idmap_of(w->b, config, &base, &size);
	if (lstat(path, &st) < 0)
		return error_sys(err, errno, "cannot look at '%s'", path);
	if (st.st_uid == base)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, "the volume '%s/%s' belongs to ids %u+, '%s' has %u+, and this kernel has no "
			 "idmapped mounts for that", arg(w, "owner"), arg(w, "volume"), st.st_uid, w->name, base);
}

static int check_attached(const struct work *w, const cJSON *devices, struct error *err)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices)
		if (volume_is_source(w->b, json_str(device, "source"), arg(w, "owner"), arg(w, "volume")))
			return error_set(err, ERROR_CONFLICT, "the volume '%s/%s' is attached to '%s' already, at '%s'",
					 arg(w, "owner"), arg(w, "volume"), w->name, json_str_or(device, "path", ""));
	return 0;
}

/* The volume's name, or the next free one like it. */
static int choose_device(struct work *w, const cJSON *own, const cJSON *devices, struct error *err)
{
	const char *name = arg(w, "as");

	json_set_str(w->args, "device", name);
	for (int i = 2; i < DEVICE_NUMBER_MAX; i++) {
		const char *device = arg(w, "device");

		if (cJSON_GetObjectItemCaseSensitive(own, device) == NULL &&
		    cJSON_GetObjectItemCaseSensitive(devices, device) == NULL)
			return 0;
		json_set_strf(w->args, "device", "%.60s-%d", name, i);
	}
	return error_set(err, ERROR_CONFLICT, "'%s' has too many devices named like '%s'", w->name, name);
}

static int check_attach(struct work *w, const struct instance *inst, struct error *err)
{
	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: add a lxc.mount.entry to '%s/config' by hand",
				 w->name, w->dir);
	update_note_running(w, inst);
	if (check_source(w, err) < 0 || check_map(w, inst, err) < 0 ||
	    check_attached(w, json_obj(w->args, "was_devices"), err) < 0 ||
	    choose_device(w, json_obj(inst->desired, "devices"), json_obj(w->args, "was_devices"), err) < 0)
		return -1;
	json_set(w->args, "old", cJSON_Duplicate(inst->desired, true));
	return 0;
}

static enum op_result step_check_attach(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);

	return inst == NULL || check_attach(w, inst, err) < 0 ? OP_FAIL : OP_DONE;
}

static cJSON *device_of(const struct work *w)
{
	AUTO_FREE char *source = volume_path(w->b, arg(w, "owner"), arg(w, "volume"));
	cJSON *device = cJSON_CreateObject();

	json_set_str(device, "type", "disk");
	json_set_str(device, "source", source);
	json_set_str(device, "path", arg(w, "path"));
	if (json_bool(w->args, "readonly", false))
		json_set_str(device, "readonly", "true");
	return device;
}

/* new_device is taken; NULL takes the device away. */
static int write_device(struct work *w, cJSON *new_device, struct error *err)
{
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_JSON cJSON *new = cJSON_Duplicate(json_obj(w->args, "old"), true);

	if (inst == NULL) {
		cJSON_Delete(new_device);
		return -1;
	}
	json_set(json_obj(new, "devices"), arg(w, "device"), new_device);
	return update_check(w, inst, new, err) < 0 ? -1 : update_put(w, new, err);
}

static enum op_result step_attach(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (json_bool(w->args, "makes", false) && volume_make(w, arg(w, "volume"), err) < 0)
		return OP_FAIL;
	return write_device(w, device_of(w), err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- detach */

int volume_note_device(struct work *w, const struct instance *inst, const char *device, struct error *err)
{
	if (inst->adopted || json_obj(json_obj(inst->desired, "devices"), device) == NULL)
		return error_set(err, ERROR_INVALID, "device \"%s\" of '%s' comes from a profile: remove it there", device, w->name);
	update_note_running(w, inst);
	json_set_str(w->args, "device", device);
	json_set(w->args, "old", cJSON_Duplicate(inst->desired, true));
	return 0;
}

/* By the name of the device, then of the volume: the own one of that name before another's. */
static const char *find_device(const struct work *w, const cJSON *devices)
{
	const char *wanted = arg(w, "as"), *found = NULL;
	const cJSON *device;
	bool own = false;

	cJSON_ArrayForEach(device, devices) {
		AUTO_FREE char *owner = NULL;
		AUTO_FREE char *name = NULL;
		AUTO_FREE char *full = NULL;

		if (!volume_of_source(w->b, json_str(device, "source"), &owner, &name))
			continue;
		full = mem_printf("%s/%s", owner, name);
		if (strcmp(device->string, wanted) == 0 || strcmp(full, wanted) == 0)
			return device->string;
		if (strcmp(name, wanted) == 0 && !own) {
			found = device->string;
			own = strcmp(owner, w->name) == 0;
		}
	}
	return found;
}

static enum op_result step_check_detach(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const char *device;

	if (inst == NULL)
		return OP_FAIL;
	instance_expand(w->b, inst->desired, &config, &devices);
	device = find_device(w, devices);
	if (device != NULL)
		return volume_note_device(w, inst, device, err) < 0 ? OP_FAIL : OP_DONE;
	error_set(err, ERROR_NOT_FOUND, "no volume '%.128s' is attached to '%s'", arg(w, "as"), w->name);
	return OP_FAIL;
}

enum op_result step_volume_detach(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (json_str(w->args, "device") == NULL)
		return OP_DONE;
	return write_device(w, NULL, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- what both share */

/* Also after berthd was killed: the container may have the change, in part or not at all. */
enum op_result step_volume_restore(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *old = json_obj(w->args, "old");

	if (old != NULL && registry_get(w->b->registry, w->name) != NULL && update_put(w, old, err) < 0)
		return OP_FAIL;
	if (json_bool(w->args, "makes", false))
		volume_unmake(w->b, arg(w, "owner"), arg(w, "volume"));
	return step_volume_live(op, err);
}

enum op_result step_volume_live(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	cJSON_Delete(w->scratch);
	w->scratch = NULL;
	return json_str(w->args, "device") == NULL || registry_get(w->b->registry, w->name) == NULL ? OP_DONE :
												      step_live(op, err);
}

/* Of the warnings "NAME: why", this device's. */
static const char *why_of(const struct work *w, const char *device)
{
	const cJSON *item;
	size_t len = strlen(device);

	cJSON_ArrayForEach(item, json_arr(w->scratch, "warnings"))
		if (strncmp(item->valuestring, device, len) == 0 && strncmp(item->valuestring + len, ": ", 2) == 0)
			return item->valuestring + len + 2;
	return "the running container does not take it; stop it first";
}

enum op_result step_volume_verify(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const char *device = arg(w, "device");
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(w->scratch, "pending")) {
		if (strcmp(item->valuestring, device) != 0)
			continue;
		error_set(err, ERROR_INVALID, "%s", why_of(w, device));
		return OP_FAIL;
	}
	return OP_DONE;
}

static const struct op_step attach_steps[] = {
	{ "check", step_check_attach, NULL, 0, 0 },
	{ "write", step_attach, step_volume_restore, 120, 0 },
	{ "live", step_volume_live, NULL, 120, 0 },
	{ "verify", step_volume_verify, NULL, 0, 0 },
	{ 0 },
};

static const struct op_step detach_steps[] = {
	{ "check", step_check_detach, NULL, 0, 0 },
	{ "write", step_volume_detach, step_volume_restore, 120, 0 },
	{ "live", step_volume_live, NULL, 120, 0 },
	{ "verify", step_volume_verify, NULL, 0, 0 },
	{ 0 },
};

const struct op_kind volume_attach_kind = {
	.name = "volume-attach",
	.description = "Attaching volume",
	.steps = attach_steps,
	.load = work_load,
	.unload = work_unload,
};

const struct op_kind volume_detach_kind = {
	.name = "volume-detach",
	.description = "Detaching volume",
	.steps = detach_steps,
	.load = work_load,
	.unload = work_unload,
};

/* ---- requests */

/* Booleans of the request, not strings that look like them. */
static int take_bool(cJSON *args, const cJSON *request, const char *key, bool def, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);

	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsBool(v))
		return error_set(err, ERROR_INVALID, "'%s' must be true or false", key);
	json_set_bool(args, key, json_bool(request, key, def));
	return 0;
}

static int take_text(const cJSON *request, const char *key, const char **ret, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);

	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsString(v))
		return error_set(err, ERROR_INVALID, "'%s' must be a string", key);
	*ret = v != NULL && cJSON_IsString(v) && v->valuestring[0] != '\0' ? v->valuestring : NULL;
	return 0;
}

static int take_source(cJSON *args, const char *source, const char *instance, struct error *err)
{
	const char *slash = source != NULL ? strchr(source, '/') : NULL;
	AUTO_FREE char *owner = NULL;

	if (source == NULL) {
		json_set_str(args, "owner", instance);
		json_set_str(args, "volume", json_str(args, "as"));
		return 0;
	}
	if (slash == NULL)
		return error_set(err, ERROR_INVALID, "invalid source '%.128s': must be OWNER/VOLUME", source);
	owner = mem_strndup(source, (size_t)(slash - source));
	if (name_validate_instance(owner, err) < 0 || volume_name_check(slash + 1, err) < 0)
		return -1;
	json_set_str(args, "owner", owner);
	json_set_str(args, "volume", slash + 1);
	return 0;
}

/* What LXC itself mounts in every container is not for volumes. */
static int take_path(cJSON *args, const char *path, struct error *err)
{
	static const char *const taken[] = { "/proc", "/sys", "/dev", NULL };
	AUTO_FREE char *own = path != NULL ? mem_strdup(path) : mem_printf("/mnt/%s", json_str(args, "as"));
	char show[TYPE_SHOW_SIZE];
	size_t len = strlen(own);

	if (!type_is_path(own))
		return error_set(err, ERROR_INVALID, "invalid path '%s': must be an absolute path without '.' or '..' parts and "
				 "without control characters", type_show(own, show));
	while (len > 0 && own[len - 1] == '/')
		own[--len] = '\0';
	if (len == 0)
		return error_set(err, ERROR_INVALID, "invalid path '/': the root file system is there");
	for (const char *const *t = taken; *t != NULL; t++) {
		size_t n = strlen(*t);

		if (strncmp(own, *t, n) == 0 && (own[n] == '\0' || own[n] == '/'))
			return error_set(err, ERROR_INVALID, "invalid path '%s': not in %s", type_show(own, show), *t);
	}
	json_set_str(args, "path", own);
	return 0;
}

static int take_attach(cJSON *args, const char *instance, const cJSON *request, struct error *err)
{
	const char *name = NULL, *source = NULL, *path = NULL;

	if (take_text(request, "name", &name, err) < 0 || take_text(request, "source", &source, err) < 0 ||
	    take_text(request, "path", &path, err) < 0 || take_bool(args, request, "readonly", false, err) < 0 ||
	    take_bool(args, request, "create", true, err) < 0)
		return -1;
	if (name == NULL)
		return error_set(err, ERROR_INVALID, "the request names no volume: 'name' is missing");
	if (volume_name_check(name, err) < 0)
		return -1;
	json_set_str(args, "name", instance);
	json_set_str(args, "as", name);
	return take_source(args, source, instance, err) < 0 ? -1 : take_path(args, path, err);
}

struct op *volume_attach(struct berthd *b, const char *instance, const cJSON *request, struct error *err)
{
	cJSON *args;

	if (registry_find(b->registry, instance, err) == NULL)
		return NULL;
	args = cJSON_CreateObject();
	if (take_attach(args, instance, request, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	return volume_start(b, &volume_attach_kind, args, err);
}

struct op *volume_detach(struct berthd *b, const char *instance, const cJSON *request, struct error *err)
{
	const char *name = NULL;
	cJSON *args;

	if (registry_find(b->registry, instance, err) == NULL || take_text(request, "name", &name, err) < 0)
		return NULL;
	if (name == NULL) {
		error_set(err, ERROR_INVALID, "the request names no volume: 'name' is missing");
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "name", instance);
	json_set_str(args, "as", name);
	return work_start(b, &volume_detach_kind, args, err);
}
