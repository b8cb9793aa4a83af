/* SPDX-License-Identifier: MIT */
/*
 * Moving an instance to another pool: a copy of its folder is made beside its place there, as .moving.NAME; then the old
 * folder gets out of the way (.moved.NAME), the new one takes its place, and the link in system_path follows. Until then
 * it is where it was; afterwards a killed berthd goes on. Its name stays its own all the while, and with it its forwards,
 * volumes and backups. A new name is given at the end, as by a rename.
 */
#include "instance/move.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "host/forward.h"
#include "instance/copy.h"
#include "instance/metadata.h"
#include "instance/place.h"
#include "instance/update.h"
#include "pool/limit.h"
#include "pool/pool.h"
#include "pool/tree.h"

/* args: name, to_pool, from_pool, desired, copy_of (= name), with_snapshots, moves, new_name */
static const char *arg(const struct work *w, const char *key)
{
	return json_str_or(w->args, key, "");
}

static char *hidden(const struct work *w, const char *pool, const char *what)
{
	AUTO_FREE char *parent = pool_instances(w->b, pool);

	return mem_printf("%s/.%s.%s", parent, what, w->name);
}

static void *move_load(void *ctx, cJSON *args, struct error *err)
{
	struct berthd *b = ctx;
	struct work *w;

	if (pool_get(b, json_str_or(args, "to_pool", "")) == NULL || pool_get(b, json_str_or(args, "from_pool", "")) == NULL) {
		error_set(err, ERROR_NOT_FOUND, "Storage pool not found");
		return NULL;
	}
	w = work_load(ctx, args, err);
	if (w == NULL)
		return NULL;
	free(w->dir);
	w->dir = hidden(w, arg(w, "to_pool"), "moving");
	return w;
}

/* ---- check */

/* The root disk in the new pool: its own device, also if it had it of a profile. */
static cJSON *desired_of(struct berthd *b, const struct instance *inst, const char *pool)
{
	cJSON *desired = cJSON_Duplicate(inst->desired, true);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const cJSON *dev;

	instance_expand_shown(b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(dev, devices) {
		cJSON *own;

		if (strcmp(json_str_or(dev, "type", ""), "disk") != 0 || strcmp(json_str_or(dev, "path", ""), "/") != 0)
			continue;
		own = cJSON_Duplicate(dev, true);
		json_set_str(own, "pool", pool);
		json_set(json_obj(desired, "devices"), dev->string, own);
	}
	json_set_str(desired, "pool", strcmp(pool, POOL_DEFAULT) != 0 ? pool : NULL);
	return desired;
}

static int check(struct work *w, struct error *err)
{
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	const char *to = json_str(w->args, "new_name");
	AUTO_FREE char *target = place_in_pool(w->b, arg(w, "to_pool"), w->name);
	bool other = strcmp(arg(w, "to_pool"), POOL_DEFAULT) != 0;

	if (inst == NULL)
		return -1;
	if (inst->adopted || inst->note != NULL)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth, or cannot be understood: it stays where it is", w->name);
	if (instance_active(inst))
		return error_set(err, ERROR_INVALID, "Unable to perform container live migration. CRIU isn't installed (stop '%s' first)",
				 w->name);
	if (to != NULL && rename_check(w, to, err) < 0)
		return -1;
	if (pool_usable(w->b, arg(w, "to_pool"), err) < 0)
		return -1;
	if (other && fs_exists(target))
		return error_set(err, ERROR_CONFLICT, "'%s' is in the way: it exists and is no container", target);
	json_set(w->args, "desired", desired_of(w->b, inst, arg(w, "to_pool")));
	if (work_check(w->b, json_obj(w->args, "desired"), err) < 0)
		return -1;
	return copy_check(w, err);
}

static enum op_result step_check(struct op *op, struct error *err)
{
	return check(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- the copy */

static int clear_fn(void *data, struct error *err)
{
	const struct work *w = data;

	limit_forget(w->dir);
	return pool_remove(w->dir, err);
}

/* What is left of one that could not be undone. */
static enum op_result step_clear(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return fs_exists(w->dir) ? op_thread(op, clear_fn, w, err) : OP_DONE;
}

static enum op_result step_stage(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *desired = json_obj(w->args, "desired");
	struct storage_spec spec = { .driver = json_str_or(desired, "driver", "dir"),
				     .fingerprint = json_str_or(json_obj(desired, "config"), "volatile.base_image", "") };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (mkdir(w->dir, 0700) < 0) {
		error_sys(err, errno, "cannot make '%s'", w->dir);
		return OP_FAIL;
	}
	instance_expand(w->b, desired, &config, &devices);
	idmap_of(w->b, config, &spec.idmap_base, &spec.idmap_size);
	json_set_int(w->args, "idmap_base", spec.idmap_base);
	json_set_str(w->args, "fingerprint", spec.fingerprint);
	return copy_tree(op, w, &spec, err);
}

static enum op_result step_unstage_move(struct op *op, struct error *err)
{
	return storage_remove(op, op_data(op), err);
}

static enum op_result step_notes(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *path = fs_join(w->dir, DESIRED_FILE);

	if (inst == NULL)
		return OP_FAIL;
	if (instance_active(inst)) {
		error_set(err, ERROR_CONFLICT, "'%s' was started while it was copied", w->name);
		return OP_FAIL;
	}
	if (metadata_of_instance(w->b, inst, w->dir, err) < 0 ||
	    work_render(w->b, w->name, w->dir, json_obj(w->args, "desired"), err) < 0 ||
	    json_write_file(path, json_obj(w->args, "desired"), JSON_DURABLE, err) < 0)
		return OP_FAIL;
	return OP_DONE;
}

/* ---- in its place */

static int rename_there(const char *from, const char *to, struct error *err)
{
	return rename(from, to) == 0 ? 0 : error_sys(err, errno, "cannot rename '%s' to '%s'", from, to);
}

/* Idempotent: as long as the copy is where it was made, it has not taken its place. */
static int take_place(const struct work *w, const char *final, struct error *err)
{
	AUTO_FREE char *old = place_in_pool(w->b, arg(w, "from_pool"), w->name);
	AUTO_FREE char *out = hidden(w, arg(w, "from_pool"), "moved");
	AUTO_FREE char *parent = pool_instances(w->b, arg(w, "to_pool"));
	struct stat st;

	if (fs_exists(w->dir)) {
		if (lstat(old, &st) == 0 && S_ISDIR(st.st_mode) && rename_there(old, out, err) < 0)
			return -1;
		if (place_unlink(w->b, w->name, old, err) < 0 || rename_there(w->dir, final, err) < 0)
			return -1;
	}
	return place_link(w->b, w->name, final, err) < 0 ? -1 : fs_sync_dir(parent, err);
}

static enum op_result step_switch(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *final = place_in_pool(w->b, arg(w, "to_pool"), w->name);
	const struct instance *inst;

	if (!fs_exists(w->dir) && !fs_exists(final))
		return OP_DONE; /* it has its new name already */
	if (take_place(w, final, err) < 0)
		return OP_FAIL;
	registry_remove(w->b->registry, w->name);
	inst = registry_load(w->b->registry, w->name);
	if (inst == NULL) {
		error_set(err, ERROR_SYSTEM, "'%s' vanished while it was moved", final);
		return OP_FAIL;
	}
	return work_render(w->b, w->name, final, inst->desired, err) < 0 ? OP_FAIL : OP_DONE;
}

static int sweep_fn(void *data, struct error *err)
{
	const struct work *w = data;

	limit_forget(w->doomed);
	return pool_remove(w->doomed, err);
}

static enum op_result step_sweep(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	free(w->doomed);
	w->doomed = hidden(w, arg(w, "from_pool"), "moved");
	return op_thread(op, sweep_fn, w, err);
}

static enum op_result step_rename(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const char *to = json_str(w->args, "new_name");

	if (to == NULL || registry_get(w->b->registry, w->name) == NULL)
		return OP_DONE;
	return rename_apply(w, w->name, to, err) < 0 || rename_tell_templates(w, to, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step move_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "clear", step_clear, NULL, 3600, 0 },
	{ "stage", step_stage, step_unstage_move, 6 * 3600, 0 },
	{ "snapshots", step_copy_snapshots, NULL, 6 * 3600, 0 },
	{ "size", step_size, NULL, 3600, 0 },
	{ "notes", step_notes, NULL, 0, 0 },
	{ "switch", step_switch, NULL, 0, OP_COMMIT },
	{ "sweep", step_sweep, NULL, 3600, 0 },
	{ "rename", step_rename, NULL, 0, 0 },
	{ 0 },
};

static const struct op_kind move_kind = {
	.name = "move",
	.description = "Migrating instance",
	.steps = move_steps,
	.load = move_load,
	.unload = work_unload,
};

void move_register(struct op_queue *q)
{
	op_queue_register(q, &move_kind);
}

struct op *instance_move(struct berthd *b, const char *name, const cJSON *request, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);
	const char *pool = json_str_or(request, "pool", ""), *to = json_str_or(request, "name", "");
	bool renames = to[0] != '\0' && strcmp(to, name) != 0;
	cJSON *args;

	if (inst == NULL || pool_find(b, pool, err) == NULL)
		return NULL;
	if (strcmp(instance_pool(b, inst), pool) == 0 && renames)
		return instance_rename(b, name, to, err);
	if (strcmp(instance_pool(b, inst), pool) == 0) {
		AUTO_JSON cJSON *nothing = cJSON_CreateObject();

		return instance_update(b, name, nothing, true, err);
	}
	if (renames && (name_validate_instance(to, err) < 0 || registry_check_name(b->registry, to, err) < 0))
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "copy_of", name);
	json_set_str(args, "new_name", renames ? to : NULL);
	json_set_str(args, "to_pool", pool);
	json_set_str(args, "from_pool", instance_pool(b, inst));
	json_set_bool(args, "moves", true);
	json_set_bool(args, "with_snapshots", !json_bool(request, "instance_only", false) &&
		      !json_bool(request, "container_only", false));
	return work_start(b, &move_kind, args, err);
}
