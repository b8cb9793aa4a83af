/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "host/forward.h"
#include "hook/hook.h"
#include "image/store.h"
#include "instance/delete.h"
#include "instance/place.h"
#include "instance/snapshot.h"
#include "instance/work.h"
#include "lxc/active.h"
#include "model/settings.h"
#include "pool/pool.h"

#define DEEP_BYTES 2000 /* what lxc-destroy can certainly do */

static bool is_protected(const struct berthd *b, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	struct error err = ERROR_INIT;
	int v = 0;

	instance_expand(b, inst->desired, &config, &devices);
	return units_parse_bool(json_str_or(config, "security.protection.delete", "false"), &v, &err) == 0 && v;
}

/*
 * Which instance lies in the folder: a deletion that went past its point of no return is finished by the next
 * start, and until then somebody may have made another one of that name. {} when there is none, or only pieces.
 */
static cJSON *identity_of(const struct work *w)
{
	AUTO_FREE char *path = fs_join(w->dir, DESIRED_FILE);
	AUTO_FREE char *config = fs_join(w->dir, "config");
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = fs_exists(path) ? json_read_file(path, &err) : NULL;
	cJSON *identity = cJSON_CreateObject();
	struct stat st;

	json_set_str(identity, "uuid", json_str(json_obj(v, "config"), "volatile.uuid"));
	if (lstat(config, &st) == 0)
		json_set_strf(identity, "config", "%ju:%jd.%09ld", (uintmax_t)st.st_ino, (intmax_t)st.st_mtim.tv_sec,
			      st.st_mtim.tv_nsec);
	return identity;
}

static bool differs(const cJSON *a, const cJSON *b, const char *key)
{
	return strcmp(json_str_or(a, key, ""), json_str_or(b, key, "")) != 0;
}

static bool is_another(struct op *op, const struct work *w)
{
	AUTO_JSON cJSON *now = op_recovering(op) ? identity_of(w) : NULL;
	const cJSON *then = json_obj(w->args, "identity");

	if (json_str(now, "uuid") != NULL)
		return differs(now, then, "uuid");
	return json_str(now, "config") != NULL && differs(now, then, "config");
}

static void add_fingerprint(cJSON *list, const cJSON *desired)
{
	const char *fingerprint = instance_image(desired);

	if (fingerprint != NULL)
		cJSON_AddItemToArray(list, cJSON_CreateString(fingerprint));
}

/* The images it and its snapshots lie on. */
static cJSON *fingerprints_of(const struct berthd *b, struct instance *inst)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *item;

	add_fingerprint(list, inst->desired);
	if (inst->adopted)
		return list;
	cJSON_ArrayForEach(item, snapshot_list(b, inst))
		add_fingerprint(list, item);
	return list;
}

static void refuse_running(struct error *err)
{
	error_set(err, ERROR_INVALID, "Instance is running: stop it first, or delete it with --force");
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (is_protected(w->b, inst)) {
		error_set(err, ERROR_INVALID, "Container is protected");
		return OP_FAIL;
	}
	if (instance_active(inst) && !json_bool(w->args, "force", false)) {
		refuse_running(err);
		return OP_FAIL;
	}
	json_set(w->args, "fingerprints", fingerprints_of(w->b, inst));
	json_set(w->args, "identity", identity_of(w));
	json_set_bool(w->args, "ran", instance_active(inst));
	return OP_DONE;
}

static enum op_result step_post_stop(struct op *op, struct error *err)
{
	return json_bool(op_args(op), "ran", false) ? step_hook(op, err) : OP_DONE;
}

/*
 * lxc-destroy goes down with a stack frame of 4 KiB per folder and a path for each: what a container nests deeply ends it,
 * and it would never go. The sweep, which comes next, does without both.
 */
static int check_deep_fn(void *arg, struct error *err)
{
	const struct work *w = arg;

	if (fs_tree_is_deep(w->dir, DEEP_BYTES))
		return 0;
	return error_set(err, ERROR_TOOL, "%s", json_str_or(w->args, "destroy_error", "'lxc-destroy' failed"));
}

static enum op_result destroyed(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *config = fs_join(w->dir, "config");

	if (proc_check("lxc-destroy", result, err) == 0 || !fs_exists(config))
		return OP_DONE;
	if (lxc_may_be_active(w->b->settings->system_path, w->name))
		return OP_FAIL;
	json_set_str(w->args, "destroy_error", err->msg);
	error_clear(err);
	return op_thread(op, check_deep_fn, w, err);
}

static enum op_result unmounted(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	struct argv argv = ARGV_INIT;

	if (proc_check("berth-rootfs", result, err) < 0)
		return OP_FAIL;
	lxc_argv_destroy(&argv, w->b->settings->system_path, w->name);
	return op_child(op, &argv, destroyed, err);
}

/* lxc-destroy removes what lies below rootfs/, so no overlay may be mounted there any more. */
static enum op_result step_destroy(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *config = fs_join(w->dir, "config");
	struct argv argv = ARGV_INIT;

	if (!fs_exists(config) || is_another(op, w))
		return OP_DONE;
	if (strcmp(place_pool(w->b, w->dir), POOL_DEFAULT) != 0)
		return OP_DONE; /* lxc-destroy would stumble over the link: the sweep removes all it would */
	if (storage_mounted(w))
		return storage_unmount(op, w, unmounted, err);
	lxc_argv_destroy(&argv, w->b->settings->system_path, w->name);
	return op_child(op, &argv, destroyed, err);
}

static enum op_result step_sweep(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return is_another(op, w) ? OP_DONE : storage_remove(op, w, err);
}

static enum op_result step_forget(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *item;

	if (!is_another(op, w)) {
		registry_remove(w->b->registry, w->name);
		forward_instance_gone(w->b, w->name);
	}
	cJSON_ArrayForEach(item, json_arr(w->args, "fingerprints"))
		image_release(w->b->images, item->valuestring);
	return OP_DONE;
}

static const struct op_step delete_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-delete", step_hook, NULL, 3600, 0 },
	{ "stop", step_kill, NULL, 60, 0 },
	{ "proxies", step_proxies_gone, NULL, 0, 0 },
	{ "post-stop", step_post_stop, NULL, 3600, 0 },
	{ "remains", step_sweep_remains, NULL, 0, 0 },
	{ "destroy", step_destroy, NULL, 3600, OP_COMMIT },
	{ "sweep", step_sweep, NULL, 3600, 0 },
	{ "forget", step_forget, NULL, 0, 0 },
	{ "post-delete", step_hook, NULL, 3600, OP_UNRECORDED },
	{ 0 },
};

static const struct op_kind delete_kind = {
	.name = "delete",
	.description = "Deleting instance",
	.steps = delete_steps,
	.load = work_load,
	.unload = work_unload,
	.frees = true,
	.retries = true,
};

void delete_register(struct op_queue *q)
{
	op_queue_register(q, &delete_kind);
}

struct op *instance_delete(struct berthd *b, const char *name, bool force, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);
	AUTO_FREE char *lock = mem_printf("instance/%s", name);
	cJSON *args;

	if (inst == NULL)
		return NULL;
	if (!force && instance_active(inst) && !op_locked(b->ops, lock)) { /* nobody stops it: no operation is needed to say so */
		refuse_running(err);
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_bool(args, "force", force);
	if (force)
		power_overtake(b, name, true);
	return work_start(b, &delete_kind, args, err);
}
