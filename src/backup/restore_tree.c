/* SPDX-License-Identifier: MIT */
/*
 * A backup onto an instance that exists. Until the last step the old one is whole, and every undo, also after kill -9,
 * leads back to it as it was, running or stopped.
 * args: {"name","new": desired state,"old": the same as it was,"archive",…,"start"?: bool,"was_running"}
 */
#include <string.h>

#include "backup/restore.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "instance/address.h"
#include "instance/archive.h"
#include "instance/swap.h"

#define LONG_TIME_S (6 * 3600)

/* ---- everything that can be wrong is found here */

/* What belongs to the instance that is there, and not to what was backed up. */
static void take_volatile(cJSON *config, const cJSON *current)
{
	cJSON *item, *next;
	const cJSON *own;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "volatile.", 9) == 0 && strcmp(item->string, "volatile.base_image") != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
	cJSON_ArrayForEach(own, current) {
		if (strncmp(own->string, "volatile.", 9) == 0 && strcmp(own->string, "volatile.base_image") != 0)
			json_set(config, own->string, cJSON_Duplicate(own, true));
	}
}

static int check(struct work *w, const struct instance *inst, struct error *err)
{
	cJSON *new = json_obj(w->args, "new");
	const char *here = w->b->probe->architecture, *made = json_str_or(new, "architecture", here);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (inst->adopted)
		return error_set(err, ERROR_CONFLICT, "the container '%s' was not made by berth and is not replaced: restore the "
						      "backup under another name", w->name);
	if (strcmp(made, here) != 0 && (strcmp(made, "i686") != 0 || strcmp(here, "x86_64") != 0))
		return error_set(err, ERROR_INVALID, "Requested architecture isn't supported by this host: %s", made);
	take_volatile(json_obj(new, "config"), json_obj(inst->desired, "config"));
	if (work_check(w->b, new, err) < 0)
		return -1;
	work_fill_volatile(w->b, new);
	instance_expand(w->b, new, &config, &devices);
	if (devices_check_added(NULL, devices, err) < 0 || idmap_assign(w->b, new, config, w->name, err) < 0 ||
	    address_check(w->b, new, NULL, w->name, err) < 0)
		return -1;
	json_set_str(new, "driver", "dir");
	json_set_str(new, "created_at", json_str(inst->desired, "created_at"));
	json_set_str(new, "last_used_at", json_str(inst->desired, "last_used_at"));
	return 0;
}

static enum op_result step_prepare(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	bool runs;

	if (inst == NULL || check(w, inst, err) < 0)
		return OP_FAIL;
	runs = instance_active(inst);
	json_set_bool(w->args, "was_running", runs);
	if (cJSON_GetObjectItemCaseSensitive(w->args, "start") == NULL)
		json_set_bool(w->args, "start", runs);
	json_set(w->args, "old", cJSON_Duplicate(inst->desired, true));
	return OP_DONE;
}

/* ---- the new tree */

static enum op_result step_stage(struct op *op, struct error *err)
{
	return swap_stage(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unpack(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *dir = swap_staging(w);
	struct storage_spec spec = { .driver = "dir", .fingerprint = "", .dir = dir };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	instance_expand(w->b, json_obj(w->args, "new"), &config, &devices);
	idmap_of(w->b, config, &spec.idmap_base, &spec.idmap_size);
	return archive_tree(op, w, &spec, err);
}

/* ---- out with the old one */

static enum op_result step_stop_old(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (!instance_active(inst))
		return OP_DONE;
	return json_bool(w->args, "force", false) ? step_kill(op, err) : step_power_stop(op, err);
}

/* Who ends it by force does not wait for hooks (power.c). */
static enum op_result step_pre_stop(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);

	if (json_bool(w->args, "force", false) || inst == NULL || !instance_active(inst))
		return OP_DONE;
	return step_hook(op, err);
}

/* hook_watch.c leaves it to an operation that has this row, or would come after post-start. */
static enum op_result step_post_stop(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);

	return json_bool(w->args, "was_running", false) ? step_hook(op, err) : OP_DONE;
}

static enum op_result step_start_old(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst == NULL || instance_active(inst) || !json_bool(w->args, "was_running", false))
		return OP_DONE;
	if (!swap_half_undone(w))
		return step_start(op, err);
	error_set(err, ERROR_CONFLICT, "'%s' is not started: it has parts of two trees", w->name);
	return OP_FAIL;
}

static int put(struct work *w, const cJSON *desired, struct error *err)
{
	AUTO_FREE char *path = fs_join(w->dir, DESIRED_FILE);

	if (work_render(w->b, w->name, w->dir, desired, err) < 0 || json_write_file(path, desired, JSON_DURABLE, err) < 0)
		return -1;
	if (registry_load(w->b->registry, w->name) == NULL)
		return error_set(err, ERROR_SYSTEM, "'%s' vanished while the instance was restored", w->dir);
	return 0;
}

static enum op_result step_commit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	cJSON *new = json_obj(w->args, "new");
	uint32_t base, size;

	/* its profiles may have changed, or gone, meanwhile */
	if (work_check(w->b, new, err) < 0)
		return OP_FAIL;
	instance_expand(w->b, new, &config, &devices);
	idmap_of(w->b, config, &base, &size);
	if (size != json_int(json_obj(w->args, "archive"), "idmap_size", 0) ||
	    base != json_int(json_obj(w->args, "archive"), "idmap_base", 0)) {
		error_set(err, ERROR_CONFLICT, "a profile changed the id map of '%s' while it was restored", w->name);
		return OP_FAIL;
	}
	return put(w, new, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_uncommit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *old = json_obj(w->args, "old");

	return old != NULL && put(w, old, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- in with the new one */

static bool starts(const struct work *w)
{
	return json_bool(w->args, "start", false);
}

static enum op_result step_start_hook(struct op *op, struct error *err)
{
	return starts(op_data(op)) ? step_hook(op, err) : OP_DONE;
}

static enum op_result step_start_new(struct op *op, struct error *err)
{
	return starts(op_data(op)) ? step_start(op, err) : OP_DONE;
}

static enum op_result step_unstart_new(struct op *op, struct error *err)
{
	return starts(op_data(op)) ? step_unstart(op, err) : OP_DONE;
}

static const struct op_step restore_tree_steps[] = {
	{ "prepare", step_prepare, NULL, 0, 0 },
	{ "clear", step_swap_clear, NULL, 3600, 0 },
	{ "stage", step_stage, step_unstage, 3600, 0 },
	{ "unpack", step_unpack, NULL, LONG_TIME_S, 0 },
	{ "pre-stop", step_pre_stop, NULL, 3600, 0 },
	{ "stop", step_stop_old, step_start_old, 86400, 0 },
	{ "settle", step_power_settle, NULL, 0, 0 },
	{ "post-stop", step_post_stop, NULL, 3600, 0 },
	{ "swap", step_swap, step_unswap, 60, 0 },
	{ "commit", step_commit, step_uncommit, 60, 0 },
	{ "sweep-cgroups", step_sweep_remains, NULL, 0, 0 },
	{ "pre-start", step_start_hook, NULL, 3600, 0 },
	{ "start", step_start_new, step_unstart_new, 120, 0 },
	{ "seal", step_swap_seal, NULL, 0, OP_COMMIT },
	{ "post-start", step_start_hook, NULL, 3600, OP_UNRECORDED },
	{ "sweep", step_swap_sweep, NULL, 3600, OP_UNRECORDED | OP_TOLD },
	{ 0 },
};

const struct op_kind restore_tree_kind = {
	.name = "restore-tree",
	.description = "Restoring instance",
	.steps = restore_tree_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
};

struct op *restore_tree(struct berthd *b, const char *name, const cJSON *desired, cJSON *archive, const cJSON *options,
			struct error *err)
{
	const cJSON *start = cJSON_GetObjectItemCaseSensitive(options, "start");
	cJSON *args = cJSON_CreateObject();

	json_set_str(args, "name", name);
	json_set(args, "new", cJSON_Duplicate(desired, true));
	json_set(args, "archive", archive);
	if (start != NULL)
		json_set_bool(args, "start", cJSON_IsTrue(start));
	json_set_bool(args, "force", json_bool(options, "force", false));
	json_set_int(args, "timeout", json_int(options, "timeout", 30));
	json_set_bool(args, "restart", true); /* the stop is none that the notes should tell of */
	return work_start(b, &restore_tree_kind, args, err);
}
