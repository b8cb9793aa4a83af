/* SPDX-License-Identifier: MIT */
/*
 * What the target is told, and the small files beside the trees, are written to state_path/operations/.MARK.migrate; then
 * berth-migrate talks to the target and reads the trees. A running instance is frozen meanwhile.
 */
#include "backup/migrate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/export.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/copy.h"
#include "instance/migrate_link.h"
#include "instance/snapshot.h"
#include "instance/work.h"
#include "lxc/probe.h"
#include "model/settings.h"

#define DAY_S 86400
#define SPEC "spec.json"

static char *folder_of(const struct work *w)
{
	return mem_printf("%s/operations/.%s.migrate", w->b->settings->state_path, json_str_or(w->args, "mark", "-"));
}

/* ---- what the target is told */

/* LXD's numbers (shared/osarch). */
static int architecture_number(const char *name)
{
	static const char *const names[] = { "i686", "x86_64", "armv7l", "aarch64", "ppc", "ppc64", "ppc64le", "s390x",
					     "mips", "mips64", "riscv32", "riscv64" };

	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (strcmp(names[i], name) == 0)
			return i + 1;
	return 0;
}

static void put_seconds(cJSON *v, const char *key, const cJSON *from, const char *name)
{
	time_t when = 0;

	if (time_parse(json_str_or(from, name, TIME_UNSET), &when) == 0)
		json_set_int(v, key, when);
}

static void offer_snapshot(cJSON *offer, const cJSON *snapshot)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "name", json_str_or(snapshot, "name", ""));
	json_set(v, "config", cJSON_Duplicate(json_obj(snapshot, "config"), true));
	json_set(v, "devices", cJSON_Duplicate(json_obj(snapshot, "devices"), true));
	json_set(v, "profiles", cJSON_Duplicate(json_arr(snapshot, "profiles"), true));
	json_set_bool(v, "ephemeral", json_bool(snapshot, "ephemeral", false));
	json_set_int(v, "architecture", architecture_number(json_str_or(snapshot, "architecture", "")));
	put_seconds(v, "created", snapshot, "created_at");
	put_seconds(v, "used", snapshot, "last_used_at");
	put_seconds(v, "expires", snapshot, "expires_at");
	cJSON_AddItemToArray(json_arr(offer, "names"), cJSON_CreateString(json_str_or(snapshot, "name", "")));
	cJSON_AddItemToArray(json_arr(offer, "snapshots"), v);
}

static cJSON *offer_of(const cJSON *config)
{
	cJSON *v = cJSON_CreateObject();
	const cJSON *item;

	cJSON_AddArrayToObject(v, "names");
	cJSON_AddArrayToObject(v, "snapshots");
	cJSON_ArrayForEach(item, json_arr(config, "snapshots"))
		offer_snapshot(v, item);
	return v;
}

/* How the tree lies and what the ids in it are: as backup/tree.c. */
static void add_tree(const struct work *w, cJSON *trees, const char *name, const char *dir, const cJSON *desired, const char *data)
{
	const struct berthd *b = w->b;
	bool overlay = strcmp(json_str_or(desired, "driver", "dir"), "overlay") == 0;
	AUTO_FREE char *lower = image_rootfs(b->images, json_str_or(json_obj(desired, "config"), "volatile.base_image", ""));
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	cJSON *v = cJSON_CreateObject();
	uint32_t base, size;

	instance_expand(b, desired, &config, &devices);
	idmap_of(b, config, &base, &size);
	if (size > 0)
		base = (uint32_t)json_int(desired, "idmap_base", base);
	if (!overlay && b->probe->idmapped_mounts)
		size = 0;
	json_set_str(v, "name", name);
	if (strcmp(name, w->name) == 0)
		json_set_str(v, "title", name);
	else
		json_set_strf(v, "title", "%s/%s", w->name, name);
	json_set_str(v, "dir", dir);
	json_set_str(v, "lower", overlay ? lower : NULL);
	json_set_str(v, "data", data);
	json_set_int(v, "base", base);
	json_set_int(v, "size", size);
	cJSON_AddItemToArray(trees, v);
}

static int make_rootfs(const char *data, struct error *err)
{
	AUTO_FREE char *path = fs_join(data, "rootfs");

	return fs_mkdirs(path, 0755, err);
}

static int add_trees(const struct work *w, struct instance *inst, const cJSON *snapshots, const char *top, cJSON *trees,
		     struct error *err)
{
	const char *only = json_str(w->args, "snapshot");
	AUTO_FREE char *own = fs_join(top, "backup/container");
	AUTO_FREE char *only_dir = only != NULL ? snapshot_dir(w->b, w->name, only) : NULL;
	const cJSON *item, *desired = only != NULL ? snapshot_find(w->b, inst, only, err) : inst->desired;

	cJSON_ArrayForEach(item, snapshots) {
		const char *name = json_str_or(item, "name", "");
		AUTO_FREE char *data = mem_printf("%s/backup/snapshots/%s", top, name);
		AUTO_FREE char *dir = snapshot_dir(w->b, w->name, name);

		if (make_rootfs(data, err) < 0)
			return -1;
		add_tree(w, trees, name, dir, item, data);
	}
	if (desired == NULL || make_rootfs(own, err) < 0)
		return -1;
	add_tree(w, trees, w->name, only != NULL ? only_dir : w->dir, desired, own);
	return 0;
}

static int write_spec(const struct work *w, struct instance *inst, const cJSON *snapshots, const char *top, struct error *err)
{
	AUTO_FREE char *path = fs_join(top, SPEC);
	AUTO_JSON cJSON *spec = cJSON_CreateObject();
	cJSON *config = export_config(w->b, inst, snapshots), *index = cJSON_AddObjectToObject(spec, "index");

	json_set(spec, "offer", offer_of(config));
	/* LXD reads this one as JSON, whose names are those of Go's fields */
	cJSON_AddItemToObject(config, "VolumeSnapshots", cJSON_DetachItemFromObjectCaseSensitive(config, "volume_snapshots"));
	json_set(index, "Config", config);
	json_set_bool(spec, "inconsistent", json_bool(w->args, "inconsistent", false));
	if (add_trees(w, inst, snapshots, top, cJSON_AddArrayToObject(spec, "trees"), err) < 0)
		return -1;
	return json_write_file(path, spec, JSON_QUICK, err);
}

/* ---- steps */

static int refuse_unreadable(const cJSON *snapshots, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, snapshots)
		if (json_str(item, "note") != NULL)
			return error_set(err, ERROR_INVALID, "snapshot '%s' cannot be understood: copy without snapshots, with "
							     "--instance-only", json_str_or(item, "name", ""));
	return 0;
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (inst->note != NULL) {
		error_set(err, ERROR_INVALID, "%s", inst->note);
		return OP_FAIL;
	}
	return json_str(w->args, "snapshot") == NULL || snapshot_find(w->b, inst, json_str(w->args, "snapshot"), err) != NULL ?
	       OP_DONE : OP_FAIL;
}

static enum op_result connected(struct op *op, struct error *err)
{
	return OP_DONE;
}

static enum op_result step_connect(struct op *op, struct error *err)
{
	return migrate_link_wait(((struct work *)op_data(op))->link, op, connected, err);
}

static enum op_result step_facts(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	bool only = json_bool(w->args, "instance_only", false) || json_str(w->args, "snapshot") != NULL;
	AUTO_JSON cJSON *snapshots = inst == NULL || only ? cJSON_CreateArray() : cJSON_Duplicate(snapshot_list(w->b, inst), true);
	AUTO_FREE char *top = folder_of(w);

	if (inst == NULL || refuse_unreadable(snapshots, err) < 0 || fs_remove_tree(top, err) < 0 || fs_mkdirs(top, 0700, err) < 0 ||
	    export_write_facts(w->b, inst, snapshots, top, w->args, err) < 0 || write_spec(w, inst, snapshots, top, err) < 0)
		return OP_FAIL;
	return OP_DONE;
}

static int remove_fn(void *arg, struct error *err)
{
	AUTO_FREE char *path = arg;

	return fs_remove_tree(path, err);
}

static enum op_result step_forget_facts(struct op *op, struct error *err)
{
	return op_thread(op, remove_fn, folder_of(op_data(op)), err);
}

static enum op_result frozen(struct op *op, const struct proc_result *result, struct error *err)
{
	return proc_check("lxc-freeze", result, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_freeze(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (inst->state != LXC_RUNNING || json_str(w->args, "snapshot") != NULL || json_bool(w->args, "inconsistent", false))
		return OP_DONE;
	json_set_str(w->args, "copy_of", w->name); /* as copy_thaw() knows it */
	json_set_bool(w->args, "froze", true);
	return op_save(op, err) < 0 ? OP_FAIL : power_freeze(op, w->b, w->name, frozen, err);
}

static enum op_result step_send(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *top = folder_of(w);
	AUTO_FREE char *spec = fs_join(top, SPEC);

	return migrate_link_run(w->link, op, "send", spec, NULL, err);
}

static void cancel(struct op *op)
{
	migrate_link_cancel(((struct work *)op_data(op))->link);
}

static const struct op_step migrate_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "connect", step_connect, NULL, 60, 0 },
	{ "facts", step_facts, step_forget_facts, 600, 0 },
	{ "freeze", step_freeze, copy_thaw, 60, 0 },
	{ "send", step_send, NULL, 30 * DAY_S, 0 },
	{ "thaw", copy_thaw, NULL, 60, 0 },
	{ "forget", step_forget_facts, NULL, 600, 0 },
	{ 0 },
};

/* The target connects. */
static const struct op_kind offered_kind = {
	.name = "migrate",
	.description = "Migrating instance",
	.steps = migrate_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = cancel,
};

/* We connect to the target. */
static const struct op_kind pushed_kind = {
	.name = "migrate-push",
	.description = "Migrating instance",
	.steps = migrate_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.cancel = cancel,
};

void migrate_register(struct op_queue *q)
{
	op_queue_register(q, &offered_kind);
	op_queue_register(q, &pushed_kind);
}

/* ---- the request */

static int check(const struct instance *inst, const char *snapshot, const cJSON *request, struct error *err)
{
	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth, which does not know where its files lie", inst->name);
	if (snapshot == NULL && instance_active(inst) && json_bool(request, "live", true))
		return error_set(err, ERROR_TOOL, "Unable to perform container live migration. CRIU isn't installed on the source "
						  "server (stop '%s' first, or copy with --stateless)", inst->name);
	return 0;
}

struct op *migrate_start(struct berthd *b, const char *name, const char *snapshot, const cJSON *request, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);
	const cJSON *target = json_obj(request, "target");
	struct migrate_link *link;
	char mark[UUID_TEXT_SIZE];
	struct op *op;
	cJSON *args;

	if (inst == NULL || check(inst, snapshot, request, err) < 0)
		return NULL;
	link = target != NULL ? migrate_link_dial(b->loop, target, err) : migrate_link_new(b->loop);
	if (link == NULL)
		return NULL;
	args = cJSON_CreateObject();
	ident_uuid(mark);
	json_set_str(args, "mark", mark);
	json_set_str(args, "name", name);
	json_set_str(args, "snapshot", snapshot);
	json_set_bool(args, "instance_only", json_bool(request, "instance_only", false) || json_bool(request, "container_only", false));
	json_set_bool(args, "inconsistent", json_bool(request, "allow_inconsistent", false));
	op = work_start(b, target != NULL ? &pushed_kind : &offered_kind, args, err);
	if (op != NULL)
		migrate_link_attach(link, op, &((struct work *)op_data(op))->link);
	else
		migrate_link_free(link);
	return op;
}
