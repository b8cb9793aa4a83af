/* SPDX-License-Identifier: MIT */
/*
 * POST /1.0/instances/NAME/rebuild: a fresh tree is made in NAME/.new while the instance runs on; then it is stopped, the
 * trees change places (swap.h), and it is started again before the old tree goes.
 */
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "image/store.h"
#include "instance/metadata.h"
#include "instance/swap.h"
#include "instance/templates.h"
#include "instance/update.h"
#include "instance/work.h"

static const char *fingerprint_of(const struct work *w)
{
	return json_str_or(w->args, "fingerprint", "");
}

static bool ran(const struct work *w)
{
	return json_bool(w->args, "ran", false);
}

/* ---- check */

static void drop_image_keys(cJSON *config)
{
	cJSON *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "image.", 6) == 0 || strcmp(item->string, "volatile.base_image") == 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
}

static void hold_images(struct work *w, const struct instance *inst)
{
	const char *old = json_str(json_obj(inst->desired, "config"), "volatile.base_image");
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, cJSON_CreateString(fingerprint_of(w)));
	if (old != NULL)
		cJSON_AddItemToArray(list, cJSON_CreateString(old));
	json_set(w->args, WORK_HOLDS, list);
}

/* Fills args "new". */
static int choose(struct work *w, const struct instance *inst, struct error *err)
{
	cJSON *new = cJSON_Duplicate(inst->desired, true), *config = json_obj(new, "config");
	AUTO_JSON cJSON *expanded = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const char *driver;

	json_set(w->args, "new", new);
	drop_image_keys(config);
	json_set(new, "pending", NULL);
	if (fingerprint_of(w)[0] != '\0')
		create_image_properties(w->b, config, fingerprint_of(w));
	if (work_check(w->b, new, err) < 0)
		return -1;
	instance_expand(w->b, new, &expanded, &devices);
	if (storage_choose(w->b, devices, &driver, err) < 0)
		return -1;
	json_set_str(new, "driver", fingerprint_of(w)[0] != '\0' ? driver : "dir"); /* nothing to lay an overlay on */
	return 0;
}

static int check(struct work *w, struct error *err)
{
	const struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return -1;
	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth, which does not know where its files lie",
				 w->name);
	if (inst->note != NULL)
		return error_set(err, ERROR_INVALID, "%s", inst->note);
	if (instance_active(inst) && !json_bool(w->args, "force", false))
		return error_set(err, ERROR_INVALID, "Instance must be stopped to be rebuilt: stop it first, or rebuild it with "
				 "--force");
	if (fingerprint_of(w)[0] != '\0' && image_get(w->b->images, fingerprint_of(w)) == NULL)
		return error_set(err, ERROR_NOT_FOUND, "Image not found");
	json_set_bool(w->args, "ran", instance_active(inst));
	json_set_bool(w->args, "restart", instance_active(inst)); /* its last state stays RUNNING */
	json_set(w->args, "old", cJSON_Duplicate(inst->desired, true));
	hold_images(w, inst);
	return choose(w, inst, err);
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (check(w, err) == 0)
		return OP_DONE;
	error_wrap(err, "cannot rebuild '%s'", w->name);
	return OP_FAIL;
}

/* ---- stage */

static enum op_result step_stage(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *new = json_obj(w->args, "new");
	AUTO_FREE char *dir = swap_staging(w);
	struct storage_spec spec = { .driver = json_str_or(new, "driver", "dir"), .fingerprint = fingerprint_of(w), .dir = dir };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (swap_stage(w, err) < 0 || metadata_of_image(w->b, fingerprint_of(w), dir, err) < 0)
		return OP_FAIL;
	instance_expand(w->b, new, &config, &devices);
	idmap_of(w->b, config, &spec.idmap_base, &spec.idmap_size);
	json_set_int(w->args, "idmap_base", spec.idmap_base);
	return storage_prepare(op, w, &spec, err);
}

/* ---- stop, commit, start */

/* It may have been started, or have ended, while the tree was made. */
static enum op_result step_stop(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (instance_active(inst) && !ran(w)) {
		error_set(err, ERROR_CONFLICT, "'%s' was started while its new tree was made", w->name);
		return OP_FAIL;
	}
	return step_kill(op, err);
}

/* A profile may have changed since the files were laid out for its ids. */
static int check_map(const struct work *w, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	instance_expand(w->b, json_obj(w->args, "new"), &config, &devices);
	idmap_of(w->b, config, &base, &size);
	if (base == json_int(w->args, "idmap_base", 0))
		return 0;
	return error_set(err, ERROR_CONFLICT, "a profile changed the id map of '%s' while it was rebuilt", w->name);
}

static enum op_result step_commit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	templates_defer(json_obj(w->args, "new"), "create");
	return check_map(w, err) < 0 || update_put(w, json_obj(w->args, "new"), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_start_again(struct op *op, struct error *err)
{
	return ran(op_data(op)) ? step_start(op, err) : OP_DONE;
}

static enum op_result step_release(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	json_set(w->args, WORK_HOLDS, NULL);
	if (fingerprint_of(w)[0] != '\0' && image_get(w->b->images, fingerprint_of(w)) != NULL)
		image_touch(w->b->images, fingerprint_of(w));
	image_release(w->b->images, json_str(json_obj(json_obj(w->args, "old"), "config"), "volatile.base_image"));
	return OP_DONE;
}

static const struct op_step rebuild_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-rebuild", step_hook, NULL, 3600, 0 },
	{ "clear", step_swap_clear, NULL, 3600, 0 },
	{ "stage", step_stage, step_unstage, 3600, 0 },
	{ "size", step_swap_size, step_unresize, 3600, OP_UNRECORDED },
	{ "stop", step_stop, step_swap_unstop, 120, 0 },
	{ "settle", step_power_settle, NULL, 0, 0 },
	{ "post-stop", step_power_hook, NULL, 3600, 0 },
	{ "swap", step_swap, step_unswap_and_uncommit, 0, OP_UNRECORDED },
	{ "commit", step_commit, NULL, 0, 0 },
	{ "cgroups", step_sweep_remains, NULL, 0, 0 },
	{ "pre-start", step_power_hook, NULL, 3600, 0 },
	{ "start", step_start_again, step_swap_unstart, 120, 0 },
	{ "sweep", step_swap_sweep, NULL, 3600, OP_COMMIT },
	{ "release", step_release, NULL, 0, 0 },
	{ "post-start", step_power_hook, NULL, 3600, OP_UNRECORDED },
	{ "post-rebuild", step_hook, NULL, 3600, OP_UNRECORDED },
	{ 0 },
};

static const struct op_kind rebuild_kind = {
	.name = "rebuild",
	.description = "Rebuilding instance",
	.steps = rebuild_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
};

void rebuild_register(struct op_queue *q)
{
	op_queue_register(q, &rebuild_kind);
}

/* An image that was deleted meanwhile kept its tree for this. */
static void rebuild_ended(struct op *op, void *data)
{
	struct berthd *b = data;

	image_release(b->images, json_str(op_args(op), "fingerprint"));
}

static int take_source(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	const char *type = json_str_or(source, "type", "");

	if (strcmp(type, "image") == 0)
		return create_take_image(b, source, args, err);
	if (strcmp(type, "none") == 0)
		return 0;
	return error_set(err, ERROR_INVALID, "unknown source type '%.64s': an instance is rebuilt from \"image\" or \"none\"", type);
}

struct op *instance_rebuild(struct berthd *b, const char *name, const cJSON *request, struct error *err)
{
	cJSON *args;
	struct op *op;

	if (registry_find(b->registry, name, err) == NULL)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_bool(args, "force", json_bool(request, "force", false));
	if (take_source(b, request, args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	if (json_bool(args, "force", false))
		power_overtake(b, name, true);
	op = work_start(b, &rebuild_kind, args, err);
	if (op != NULL)
		op_on_end(op, rebuild_ended, b);
	return op;
}
