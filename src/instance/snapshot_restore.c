/* SPDX-License-Identifier: MIT */
/* Going back to a snapshot: its files are copied to NAME/.new while the instance runs on, then change places (swap.h). */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "image/store.h"
#include "instance/cloud_init.h"
#include "instance/snapshot_work.h"
#include "instance/swap.h"
#include "instance/update.h"

static const cJSON *find(const struct work *w, struct error *err)
{
	struct instance *inst = snapshot_instance(w->b, w->name, err);
	const cJSON *snapshot = inst != NULL ? snapshot_find(w->b, inst, snapshot_name_of(w), err) : NULL;

	if (inst != NULL && snapshot == NULL) {
		error_set(err, ERROR_NOT_FOUND, "Snapshot %s/%s does not exist", w->name, snapshot_name_of(w));
		return NULL;
	}
	if (snapshot != NULL && json_str(snapshot, "note") != NULL) {
		error_set(err, ERROR_INVALID, "the snapshot cannot be understood: %s", json_str(snapshot, "note"));
		return NULL;
	}
	return snapshot;
}

static cJSON *desired_of(const struct work *w)
{
	return json_obj(w->args, "new");
}

/* ---- check */

bool snapshot_has_no_ids(const struct berthd *b, const cJSON *snapshot)
{
	return strcmp(json_str_or(snapshot, "driver", ""), "dir") == 0 && b->probe->idmapped_mounts;
}

bool snapshot_key_lies_in_files(const char *key)
{
	return strcmp(key, "volatile.base_image") == 0 || strcmp(key, "volatile.apply_template") == 0 || strncmp(key, "volatile.idmap.", 15) == 0;
}

static void merge_volatile(cJSON *config, const cJSON *own)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, own)
		if (strncmp(item->string, "volatile.", 9) == 0 && !snapshot_key_lies_in_files(item->string))
			json_set(config, item->string, cJSON_Duplicate(item, true));
}

static cJSON *desired_new(const cJSON *snapshot, const cJSON *own)
{
	static const char *const of_snapshot[] = { "name", "expires_at", "stateful", "idmap_base", "pending" };
	static const char *const of_instance[] = { "created_at", "last_used_at" };
	cJSON *v = cJSON_Duplicate(snapshot, true);

	for (size_t i = 0; i < sizeof(of_snapshot) / sizeof(of_snapshot[0]); i++)
		json_set(v, of_snapshot[i], NULL);
	for (size_t i = 0; i < sizeof(of_instance) / sizeof(of_instance[0]); i++)
		json_set_str(v, of_instance[i], json_str(own, of_instance[i]));
	merge_volatile(json_obj(v, "config"), json_obj(own, "config"));
	return v;
}

/* The files belong to the ids of then. A tree that LXC maps at the mount (dir) has none of its own. */
static int check_ids(const struct work *w, const cJSON *snapshot, const cJSON *config, struct error *err)
{
	uint32_t was = (uint32_t)json_int(snapshot, "idmap_base", 0), base, size;

	idmap_of(w->b, config, &base, &size);
	if (was == base || snapshot_has_no_ids(w->b, snapshot))
		return 0;
	return error_set(err, ERROR_CONFLICT,
			 "the files of snapshot '%s' belong to the ids %u+, but the instance would have %u+ now "
			 "(security.idmap.*, security.privileged, perhaps of a profile)", snapshot_name_of(w), was, base);
}

static int check(struct work *w, struct error *err)
{
	const cJSON *snapshot = find(w, err);
	const struct instance *inst = registry_get(w->b->registry, w->name);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_JSON cJSON *old_config = NULL;
	AUTO_JSON cJSON *old_devices = NULL;
	cJSON *new;

	if (snapshot == NULL)
		return -1;
	json_set_bool(w->args, "ran", instance_active(inst));
	json_set_bool(w->args, "restart", instance_active(inst)); /* its last state stays RUNNING */
	json_set(w->args, "old", cJSON_Duplicate(inst->desired, true));
	new = desired_new(snapshot, inst->desired);
	json_set(w->args, "new", new);
	if (work_check(w->b, new, err) < 0)
		return -1;
	work_fill_volatile(w->b, new);
	instance_expand(w->b, inst->desired, &old_config, &old_devices);
	instance_expand(w->b, new, &config, &devices);
	if (cloud_init_differs(old_config, old_devices, config, devices))
		cloud_init_renew(json_obj(new, "config"));
	if (devices_check_added(old_devices, devices, err) < 0 || idmap_assign(w->b, new, config, w->name, err) < 0)
		return -1;
	json_set_str(config, "volatile.idmap.base", json_str(json_obj(new, "config"), "volatile.idmap.base"));
	return check_ids(w, snapshot, config, err);
}

static enum op_result step_check(struct op *op, struct error *err)
{
	if (check(op_data(op), err) == 0)
		return OP_DONE;
	error_wrap(err, "cannot go back to a snapshot of '%s'", ((struct work *)op_data(op))->name);
	return OP_FAIL;
}

/* ---- stage: a copy of the snapshot's files; the snapshot stays */

static enum op_result step_stage(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *desired = desired_of(w);
	AUTO_FREE char *new_dir = swap_staging(w);
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *src = fs_join(dir, snapshot_part(desired));
	AUTO_FREE char *dst = fs_join(new_dir, snapshot_part(desired));
	struct storage_spec spec = { .driver = json_str_or(desired, "driver", "dir"), .dir = new_dir };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (swap_stage(w, err) < 0)
		return OP_FAIL;
	instance_expand(w->b, desired, &config, &devices);
	idmap_of(w->b, config, &spec.idmap_base, &spec.idmap_size);
	spec.fingerprint = json_str_or(config, "volatile.base_image", "");
	/* the folders an overlay needs beside its upper/; with the driver dir there is only the tree */
	if (strcmp(spec.driver, "overlay") == 0 && storage_prepare(op, w, &spec, err) == OP_FAIL)
		return OP_FAIL;
	return snapshot_copy(op, src, dst, false, NULL, err);
}

/* ---- stop, commit, start */

/* It may have been started, or have ended, while the files were copied. */
static enum op_result step_stop(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (instance_active(inst) && !json_bool(w->args, "ran", false)) {
		error_set(err, ERROR_CONFLICT, "'%s' was started while the files of its snapshot were copied", w->name);
		return OP_FAIL;
	}
	if (json_bool(w->args, "ran", false) && op_save_quick(op, err) < 0)
		return OP_FAIL;
	return step_kill(op, err);
}

static enum op_result step_commit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return update_put(w, desired_of(w), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_start_again(struct op *op, struct error *err)
{
	if (!json_bool(op_args(op), "ran", false))
		return OP_DONE;
	return op_save_quick(op, err) < 0 ? OP_FAIL : step_start(op, err);
}

static enum op_result step_release(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *old = json_obj(w->args, "old");

	image_release(w->b->images, json_str(json_obj(old, "config"), "volatile.base_image"));
	return OP_DONE;
}

/*
 * What has to be on disk before it begins is the swap (its own record) and that it is done (the write of berth.json); the
 * old tree goes by a rename first (swap.h). So no other record needs to outlive a power cut.
 */
static const struct op_step restore_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-restore", step_hook, NULL, 3600, 0 },
	{ "clear", step_swap_clear, NULL, 3600, 0 },
	{ "stage", step_stage, step_unstage, 3600, OP_LAZY },
	{ "size", step_swap_size, step_unresize, 3600, OP_UNRECORDED },
	{ "stop", step_stop, step_swap_unstop, 120, OP_UNRECORDED },
	{ "settle", step_power_settle, NULL, 0, 0 },
	{ "post-stop", step_power_hook, NULL, 3600, 0 },
	{ "swap", step_swap, step_unswap_and_uncommit, 0, OP_UNRECORDED },
	{ "commit", step_commit, NULL, 0, 0 },
	{ "cgroups", step_sweep_remains, NULL, 0, 0 },
	{ "pre-start", step_power_hook, NULL, 3600, 0 },
	{ "start", step_start_again, step_swap_unstart, 120, OP_UNRECORDED },
	{ "seal", step_swap_seal, NULL, 0, OP_COMMIT | OP_LAZY },
	{ "post-start", step_power_hook, NULL, 3600, OP_UNRECORDED },
	{ "post-restore", step_hook, NULL, 3600, OP_UNRECORDED },
	{ "sweep", step_swap_sweep, NULL, 3600, OP_UNRECORDED | OP_TOLD },
	{ "release", step_release, NULL, 0, OP_UNRECORDED },
	{ 0 },
};

const struct op_kind snapshot_restore_kind = {
	.name = "snapshot-restore",
	.description = "Restoring snapshot",
	.steps = restore_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
};

struct op *snapshot_restore(struct berthd *b, const char *name, const char *snapshot, struct error *err)
{
	struct instance *inst = snapshot_instance(b, name, err);
	const char *prefix = strchr(snapshot, '/'); /* clients send "c1/snap0" too */
	cJSON *args;

	if (inst == NULL)
		return NULL;
	if (prefix != NULL && strncmp(snapshot, name, (size_t)(prefix - snapshot)) == 0 &&
	    name[prefix - snapshot] == '\0')
		snapshot = prefix + 1;
	if (snapshot_find(b, inst, snapshot, err) == NULL) {
		error_set(err, ERROR_NOT_FOUND, "Snapshot %s/%s does not exist", name, snapshot);
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "snapshot", snapshot);
	return snapshot_start(b, &snapshot_restore_kind, args, err);
}
