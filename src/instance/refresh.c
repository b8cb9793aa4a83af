/* SPDX-License-Identifier: MIT */
/*
 * As a restore (snapshot_restore.c), whose tree is another instance's: all is staged in NAME/.new, the trees change places
 * (swap.h), then the snapshots do, which from there on can be finished at any time.
 */
#include "instance/refresh.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/copy.h"
#include "instance/metadata.h"
#include "instance/receive.h"
#include "instance/snapshot_work.h"
#include "instance/swap.h"
#include "instance/templates.h"
#include "instance/update.h"
#include "pool/tree.h"

static cJSON *desired_of(const struct work *w)
{
	return json_obj(w->args, "desired");
}

static const char *source_of(const struct work *w)
{
	return json_str_or(w->args, "copy_of", "");
}

/* ---- check */

/* What is of the instance itself, and no client's to choose by a copy. */
static void keep_own(cJSON *desired, const cJSON *own)
{
	static const char *const of_instance[] = { "created_at", "last_used_at", "pool" };
	const cJSON *root = json_obj(json_obj(own, "devices"), "root"), *item;

	if (root != NULL) /* where it lies */
		json_set(json_obj(desired, "devices"), "root", cJSON_Duplicate(root, true));
	for (size_t i = 0; i < sizeof(of_instance) / sizeof(of_instance[0]); i++)
		json_set_str(desired, of_instance[i], json_str(own, of_instance[i]));
	cJSON_ArrayForEach(item, json_obj(own, "config"))
		if (strncmp(item->string, "volatile.", 9) == 0 && strcmp(item->string, "volatile.base_image") != 0)
			json_set(json_obj(desired, "config"), item->string, cJSON_Duplicate(item, true));
}

static bool same_snapshot(const cJSON *a, const cJSON *b)
{
	return strcmp(json_str_or(a, "created_at", ""), json_str_or(b, "created_at", "")) == 0;
}

static const cJSON *named(const cJSON *list, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (strcmp(json_str_or(item, "name", ""), name) == 0)
			return item;
	return NULL;
}

/* args "fresh": those that are to be copied; "gone": those of ours that the source has not, or has another of that name. */
static void plan_snapshots(struct work *w, struct instance *inst, struct instance *source)
{
	AUTO_JSON cJSON *own = cJSON_Duplicate(snapshot_list(w->b, inst), true);
	AUTO_JSON cJSON *theirs = cJSON_Duplicate(snapshot_list(w->b, source), true);
	cJSON *fresh = cJSON_CreateArray(), *gone = cJSON_CreateArray(), *images = cJSON_CreateArray();
	const cJSON *item, *other;

	json_set(w->args, "fresh", fresh);
	json_set(w->args, "gone", gone);
	json_set(w->args, "gone_images", images);
	if (!json_bool(w->args, "with_snapshots", false))
		return;
	cJSON_ArrayForEach(item, theirs) {
		other = named(own, json_str_or(item, "name", ""));
		if (other == NULL || !same_snapshot(item, other))
			cJSON_AddItemToArray(fresh, cJSON_CreateString(json_str_or(item, "name", "")));
	}
	cJSON_ArrayForEach(item, own) {
		other = named(theirs, json_str_or(item, "name", ""));
		if (other != NULL && same_snapshot(item, other))
			continue;
		cJSON_AddItemToArray(gone, cJSON_CreateString(json_str_or(item, "name", "")));
		if (instance_image(item) != NULL)
			cJSON_AddItemToArray(images, cJSON_CreateString(instance_image(item)));
	}
}

/* args "idmap_base": of the ids that it will have. */
static int choose_ids(struct work *w, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	instance_expand(w->b, desired_of(w), &config, &devices);
	if (idmap_assign(w->b, desired_of(w), config, w->name, err) < 0)
		return -1;
	json_set_str(config, "volatile.idmap.base", json_str(json_obj(desired_of(w), "config"), "volatile.idmap.base"));
	idmap_of(w->b, config, &base, &size);
	json_set_int(w->args, "idmap_base", base);
	return 0;
}

static int check_files(struct work *w, const struct instance *inst, struct error *err)
{
	const char *own = json_str_or(inst->desired, "driver", "dir"), *new;

	if (choose_ids(w, err) < 0)
		return -1;
	if (copy_check(w, err) < 0)
		return -1;
	new = json_str_or(desired_of(w), "driver", "dir");
	return strcmp(own, new) == 0 ? 0 : error_set(err, ERROR_UNSUPPORTED, "'%s' lies on the storage driver '%s' and what it would "
						     "get on '%s': delete it and copy anew", w->name, own, new);
}

/* From another server: its files lie as those of the driver dir. */
static int check_received(struct work *w, struct instance *inst, struct error *err)
{
	json_set_str(desired_of(w), "driver", "dir");
	if (choose_ids(w, err) < 0)
		return -1;
	receive_plan_refresh(w, snapshot_list(w->b, inst));
	return 0;
}

static int check(struct work *w, struct error *err)
{
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	struct instance *source = inst != NULL && !receive_is(w) ? registry_find(w->b->registry, source_of(w), err) : NULL;

	if (inst == NULL || (source == NULL && !receive_is(w)))
		return -1;
	if (inst->adopted || inst->note != NULL)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' %s", w->name, inst->adopted ? "was not made by berth" : inst->note);
	if (instance_active(inst))
		return error_set(err, ERROR_INVALID, "Failed getting exclusive access to instance: Instance is running");
	json_set(w->args, "old", cJSON_Duplicate(inst->desired, true));
	keep_own(desired_of(w), inst->desired);
	templates_defer(desired_of(w), "copy");
	if (work_check(w->b, desired_of(w), err) < 0)
		return -1;
	work_fill_volatile(w->b, desired_of(w));
	if (receive_is(w))
		return check_received(w, inst, err);
	plan_snapshots(w, inst, source);
	return check_files(w, inst, err);
}

static enum op_result step_check(struct op *op, struct error *err)
{
	if (check(op_data(op), err) == 0)
		return OP_DONE;
	error_wrap(err, "Failed creating instance record");
	return OP_FAIL;
}

/* ---- stage: a running source is frozen meanwhile, as for other copies */

static enum op_result frozen(struct op *op, const struct proc_result *result, struct error *err)
{
	return proc_check("lxc-freeze", result, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_freeze(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *source;

	if (receive_is(w))
		return OP_DONE;
	source = registry_find(w->b->registry, source_of(w), err);
	if (source == NULL)
		return OP_FAIL;
	if (source->state != LXC_RUNNING || json_str(w->args, "copy_snapshot") != NULL)
		return OP_DONE;
	json_set_bool(w->args, "froze", true);
	return op_save(op, err) < 0 ? OP_FAIL : power_freeze(op, w->b, source_of(w), frozen, err);
}

static enum op_result step_stage(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const char *snapshot = json_str(w->args, "copy_snapshot"), *part = snapshot_part(desired_of(w));
	AUTO_FREE char *new_dir = swap_staging(w);
	AUTO_FREE char *dir = snapshot != NULL ? snapshot_dir(w->b, source_of(w), snapshot) : instance_dir(w->b, source_of(w));
	AUTO_FREE char *src = fs_join(dir, part);
	AUTO_FREE char *dst = fs_join(new_dir, part);
	struct storage_spec spec = { .driver = json_str_or(desired_of(w), "driver", "dir"), .dir = new_dir };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (receive_is(w))
		return receive_over(op, w, json_str_or(json_obj(w->args, "old"), "driver", "dir"), err);
	if (swap_stage(w, err) < 0)
		return OP_FAIL;
	instance_expand(w->b, desired_of(w), &config, &devices);
	idmap_of(w->b, config, &spec.idmap_base, &spec.idmap_size);
	spec.fingerprint = json_str_or(config, "volatile.base_image", "");
	if (strcmp(spec.driver, "overlay") == 0 && storage_prepare(op, w, &spec, err) == OP_FAIL)
		return OP_FAIL;
	return snapshot_copy(op, src, dst, false, NULL, err);
}

static enum op_result unreceived(struct op *op, struct error *err)
{
	return receive_is(op_data(op)) ? receive_sweep(op, err) : OP_DONE;
}

static enum op_result step_snapshots(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (!receive_is(w))
		return step_copy_snapshots(op, err);
	return receive_snapshots(op, w, NULL, err);
}

/* ---- commit, then the snapshots: both again and again until they are done */

static enum op_result step_commit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (instance_active(inst)) {
		error_set(err, ERROR_CONFLICT, "'%s' was started meanwhile", w->name);
		return OP_FAIL;
	}
	return update_put(w, desired_of(w), err) < 0 ? OP_FAIL : OP_DONE;
}

/* Those of ours that go, where the new one of that name has not come already. */
static int remove_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	const cJSON *item;

	cJSON_ArrayForEach(item, w->scratch)
		if (pool_remove(item->valuestring, err) < 0)
			return -1;
	return 0;
}

static bool has_come(const struct work *w, const char *snapshot)
{
	AUTO_FREE char *staged = snapshot_staged(w, snapshot);
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(w->args, "fresh"))
		if (strcmp(item->valuestring, snapshot) == 0)
			return !fs_exists(staged);
	return false;
}

static enum op_result step_remove(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *item;

	cJSON_Delete(w->scratch);
	w->scratch = cJSON_CreateArray();
	cJSON_ArrayForEach(item, json_arr(w->args, "gone")) {
		AUTO_FREE char *dir = snapshot_dir(w->b, w->name, item->valuestring);

		if (!has_come(w, item->valuestring))
			cJSON_AddItemToArray(w->scratch, cJSON_CreateString(dir));
	}
	return op_thread(op, remove_fn, w, err);
}

static int place_snapshots(const struct work *w, struct error *err)
{
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);
	const cJSON *item;

	if (json_arr(w->args, "fresh")->child != NULL && mkdir(parent, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", parent);
	cJSON_ArrayForEach(item, json_arr(w->args, "fresh")) {
		AUTO_FREE char *dir = snapshot_dir(w->b, w->name, item->valuestring);
		AUTO_FREE char *staged = snapshot_staged(w, item->valuestring);

		if (rename(staged, dir) < 0 && errno != ENOENT)
			return error_sys(err, errno, "cannot rename '%s' to '%s'", staged, dir);
	}
	return 0;
}

static enum op_result step_place(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	const struct instance *source = registry_get(w->b->registry, source_of(w));

	if (inst == NULL || place_snapshots(w, err) < 0)
		return OP_FAIL;
	snapshot_changed(inst);
	/* its templates and metadata, unless the source went while berthd was down */
	return source != NULL && metadata_of_instance(w->b, source, w->dir, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_metadata(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *left = fs_join(w->dir, RECEIVE_FOLDER);

	return receive_is(w) && fs_exists(left) ? receive_metadata(op, w, err) : OP_DONE;
}

static enum op_result done(struct op *op, struct error *err)
{
	return OP_DONE;
}

static enum op_result step_tell(struct op *op, struct error *err)
{
	return receive_is(op_data(op)) ? receive_tell(op, op_data(op), done, err) : OP_DONE;
}

static enum op_result step_release(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *item;

	image_release(w->b->images, json_str(json_obj(json_obj(w->args, "old"), "config"), "volatile.base_image"));
	cJSON_ArrayForEach(item, json_arr(w->args, "gone_images"))
		image_release(w->b->images, item->valuestring);
	return OP_DONE;
}

static const struct op_step refresh_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "clear", step_swap_clear, NULL, 3600, 0 },
	{ "freeze", step_freeze, copy_thaw, 60, 0 },
	{ "receive", done, unreceived, 3600, 0 },
	{ "stage", step_stage, step_unstage, 6 * 3600, 0 },
	{ "size", step_swap_size, step_unresize, 3600, OP_UNRECORDED },
	{ "thaw", copy_thaw, NULL, 0, 0 },
	{ "snapshots", step_snapshots, NULL, 6 * 3600, 0 },
	{ "settle", step_power_settle, NULL, 0, 0 },
	{ "swap", step_swap, step_unswap_and_uncommit, 0, OP_UNRECORDED },
	{ "commit", step_commit, NULL, 0, 0 },
	{ "seal", step_swap_seal, NULL, 0, OP_COMMIT },
	{ "remove", step_remove, NULL, 3600, 0 },
	{ "place", step_place, NULL, 0, 0 },
	{ "metadata", step_metadata, NULL, 600, 0 },
	{ "sweep", step_swap_sweep, NULL, 3600, 0 },
	{ "swept", unreceived, NULL, 3600, 0 },
	{ "release", step_release, NULL, 0, 0 },
	{ "tell", step_tell, NULL, 60, OP_REPORTS },
	{ 0 },
};

static const struct op_kind refresh_kind = {
	.name = "refresh",
	.description = "Creating instance",
	.steps = refresh_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
};

/* The same, whose source connects to us. */
static const struct op_kind pushed_kind = {
	.name = "refresh-pushed",
	.description = "Creating instance",
	.steps = refresh_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = receive_cancel,
};

void refresh_register(struct op_queue *q)
{
	op_queue_register(q, &pushed_kind);
	op_queue_register(q, &refresh_kind);
}

/* ---- the request */

bool refresh_asked(const struct berthd *b, const cJSON *request, const char *name)
{
	const cJSON *source = json_obj(request, "source");

	return json_bool(source, "refresh", false) && (strcmp(json_str_or(source, "type", ""), "copy") == 0 || receive_asked(request)) &&
	       registry_get(b->registry, name) != NULL;
}

struct op *refresh_start(struct berthd *b, cJSON *args, struct error *err)
{
	const char *name = json_str_or(args, "name", "");

	if (strcmp(name, json_str_or(args, "copy_of", "")) != 0) {
		json_set(args, WORK_POOL, NULL);
		json_set_bool(args, "into_staging", true);
		return work_start(b, &refresh_kind, args, err);
	}
	error_set(err, ERROR_INVALID, "'%s' cannot be refreshed from itself", name);
	cJSON_Delete(args);
	return NULL;
}

struct op *refresh_receive(struct berthd *b, cJSON *args, bool pushed, struct error *err)
{
	json_set(args, WORK_POOL, NULL);
	json_set_bool(args, "into_staging", true);
	return work_start(b, pushed ? &pushed_kind : &refresh_kind, args, err);
}
