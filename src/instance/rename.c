/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/forward.h"
#include "hook/hook.h"
#include "instance/cloud_init.h"
#include "instance/place.h"
#include "instance/snapshot_work.h"
#include "instance/templates.h"
#include "instance/update.h"
#include "instance/volume.h"
#include "instance/work.h"
#include "model/settings.h"

static const char *new_name(struct work *w)
{
	return json_str_or(w->args, "new_name", "");
}

int rename_check(struct work *w, const char *to, struct error *err)
{
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *target = instance_dir(w->b, to);

	if (inst == NULL)
		return -1;
	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: rename it with lxc-copy -R", w->name);
	if (instance_active(inst))
		return error_set(err, ERROR_INVALID, "Renaming of running container not allowed");
	if (fs_exists(target))
		return error_set(err, ERROR_CONFLICT, "Name \"%s\" already in use", to);
	if (volume_rename_check(w->b, w->name, to, err) < 0)
		return -1;
	json_set_bool(w->args, "volumes", volume_owns(w->b, w->name));
	return 0;
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return rename_check(w, new_name(w), err) < 0 ? OP_FAIL : OP_DONE;
}

static int rename_in_file(const struct work *w, const char *path, const char *from, const char *to, struct error *err)
{
	AUTO_JSON cJSON *v = json_read_file(path, err);
	AUTO_JSON cJSON *before = v != NULL ? cJSON_Duplicate(v, true) : NULL;

	if (v == NULL)
		return -1;
	volume_rename_devices(w->b, json_obj(v, "devices"), from, to);
	return cJSON_Compare(before, v, true) ? 0 : json_write_file(path, v, JSON_DURABLE, err);
}

/* A snapshot would bring the old sources back, which by then may be another's. One that cannot be read stays as it is. */
static int rename_in_snapshots(const struct work *w, const char *from, const char *to, struct error *err)
{
	AUTO_FREE char *parent = snapshot_parent(w->b, to);
	DIR *entries = opendir(parent);
	const struct dirent *d;
	int rc = 0;

	while (rc == 0 && entries != NULL && (d = readdir(entries)) != NULL) {
		AUTO_FREE char *path = mem_printf("%s/%s/" DESIRED_FILE, parent, d->d_name);

		if (d->d_name[0] == '.' || !fs_exists(path))
			continue;
		rc = rename_in_file(w, path, from, to, err);
		if (rc < 0 && err->code == ERROR_INVALID) {
			log_warning("'%s': %s", path, err->msg);
			error_clear(err);
			rc = 0;
		}
	}
	if (entries != NULL)
		closedir(entries);
	return rc;
}

/* The sources of its volumes, in what berth.json says of it and of its snapshots. */
static int rename_sources(struct work *w, struct instance *inst, const char *from, const char *to, struct error *err)
{
	if (!json_bool(w->args, "volumes", false))
		return 0;
	volume_rename_devices(w->b, json_obj(inst->desired, "devices"), from, to);
	return registry_save(w->b->registry, inst, JSON_DURABLE, err) < 0 ? -1 : rename_in_snapshots(w, from, to, err);
}

int rename_apply(struct work *w, const char *from, const char *to, struct error *err)
{
	AUTO_FREE char *new_dir = NULL;
	struct instance *inst;

	if (json_bool(w->args, "volumes", false) && volume_rename(w->b, from, to, err) < 0)
		return -1;
	if (place_rename(w->b, from, to, err) < 0)
		return -1;
	new_dir = instance_dir(w->b, to);
	registry_remove(w->b->registry, from);
	inst = registry_load(w->b->registry, to);
	if (inst == NULL)
		return error_set(err, ERROR_SYSTEM, "'%s' vanished while it was renamed", new_dir);
	forward_instance_renamed(w->b, from, to);
	return rename_sources(w, inst, from, to, err) < 0 ? -1 : work_render(w->b, to, new_dir, inst->desired, err);
}

static enum op_result step_move(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return rename_apply(w, w->name, new_name(w), err) < 0 ? OP_FAIL : OP_DONE;
}

/* Entered only after the check that nothing has the new name, so what has it now is ours. */
static enum op_result step_unmove(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	/* the volumes move first */
	if (fs_exists(w->dir)) {
		if (!json_bool(w->args, "volumes", false) || volume_owns(w->b, w->name))
			return OP_DONE;
		return volume_rename(w->b, new_name(w), w->name, err) < 0 ? OP_FAIL : OP_DONE;
	}
	return rename_apply(w, new_name(w), w->name, err) < 0 ? OP_FAIL : OP_DONE;
}

int rename_tell_templates(const struct work *w, const char *name, struct error *err)
{
	struct instance *inst = registry_get(w->b->registry, name);

	if (inst == NULL)
		return error_set(err, ERROR_NOT_FOUND, "Instance not found");
	templates_defer(inst->desired, "rename");
	cloud_init_renew(json_obj(inst->desired, "config"));
	return registry_save(w->b->registry, inst, JSON_DURABLE, err);
}

/* Last: an undone rename leaves no trace of it. */
static enum op_result step_templates(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return rename_tell_templates(w, new_name(w), err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step rename_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-rename", step_hook, NULL, 3600, 0 },
	{ "move", step_move, step_unmove, 0, 0 },
	{ "post-rename", step_hook, NULL, 3600, 0 },
	{ "templates", step_templates, NULL, 0, 0 },
	{ 0 },
};

static const struct op_kind rename_kind = {
	.name = "rename",
	.description = "Renaming instance",
	.steps = rename_steps,
	.load = work_load,
	.unload = work_unload,
};

void rename_register(struct op_queue *q)
{
	op_queue_register(q, &rename_kind);
}

struct op *instance_rename(struct berthd *b, const char *name, const char *to, struct error *err)
{
	cJSON *args;

	if (registry_find(b->registry, name, err) == NULL || name_validate_instance(to, err) < 0 ||
	    registry_check_name(b->registry, to, err) < 0)
		return NULL;
	if (registry_get(b->registry, to) != NULL) {
		error_set(err, ERROR_CONFLICT, "Name \"%s\" already in use", to);
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "new_name", to);
	return work_start(b, &rename_kind, args, err);
}
