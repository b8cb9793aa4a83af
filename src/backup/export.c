/* SPDX-License-Identifier: MIT */
/* POST /1.0/instances/NAME/backups as LXD has it: the archive is made in exports/UUID/.NAME/, which gets its name when it is whole. */
#include "backup/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/export_private.h"
#include "backup/pipeline.h"
#include "backup/tree.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "instance/snapshot.h"
#include "instance/work.h"
#include "model/settings.h"

#define DAY_S 86400

/* The operation's args (journalled), beyond what export_private.h names: name, uuid, backup (= export, for hooks), instance_only. */

/* ---- the folder, and what is small */

static enum op_result step_check(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	const struct instance *inst = registry_find(e->b->registry, e->w.name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (inst->note != NULL)
		error_set(err, ERROR_INVALID, "%s", inst->note);
	else if (fs_exists(e->dir))
		export_already(e->w.name, json_str_or(e->args, "export", ""), err);
	else
		return OP_DONE;
	return OP_FAIL;
}

static cJSON *wanted_snapshots(const struct exporting *e, struct instance *inst)
{
	return cJSON_Duplicate(json_bool(e->args, "instance_only", false) ? NULL : snapshot_list(e->b, inst), true);
}

static int refuse_unreadable(const cJSON *snapshots, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, snapshots)
		if (json_str(item, "note") != NULL)
			return error_set(err, ERROR_INVALID, "snapshot '%s' cannot be understood: export without snapshots, with "
							     "--instance-only", json_str_or(item, "name", ""));
	return 0;
}

static enum op_result step_folder(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	struct instance *inst = registry_find(e->b->registry, e->w.name, err);
	AUTO_JSON cJSON *snapshots = inst != NULL ? wanted_snapshots(e, inst) : NULL;

	if (inst == NULL || refuse_unreadable(snapshots, err) < 0 || fs_remove_tree(e->out, err) < 0 ||
	    fs_mkdirs(e->out, 0700, err) < 0)
		return OP_FAIL;
	return export_write_facts(e->b, inst, snapshots, e->facts, e->args, err) < 0 ? OP_FAIL : OP_DONE;
}

static int remove_fn(void *data, struct error *err)
{
	const struct exporting *e = data;
	AUTO_FREE char *shelf = mem_strndup(e->out, (size_t)(strrchr(e->out, '/') - e->out));

	return export_shelf_clear(shelf, e->out, err);
}

static enum op_result step_remove_folder(struct op *op, struct error *err)
{
	return op_thread(op, remove_fn, op_data(op), err);
}

/* ---- the stream */

/* What is small, beside the index. */
static enum op_result step_facts(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;

	export_push_tar(&argv);
	argv_pushl(&argv, "--owner=0", "--group=0", "-C", e->facts, "--exclude=backup/" EXPORT_INDEX, "backup", NULL);
	return pipeline_feed(e->pipeline, &argv, NULL, err);
}

/* The trees: of the container, or of one of its snapshots. */
static enum op_result feed_tree(struct exporting *e, const char *dir, const cJSON *desired, const char *folder,
				struct error *err)
{
	const struct tree tree = { .b = e->b, .dir = dir, .desired = desired };
	AUTO_FREE char *rootfs = fs_join(folder, "rootfs");
	AUTO_ARGV struct argv argv = ARGV_INIT;

	tree_push_tar(&tree, &argv);
	export_push_transform(&argv, rootfs);
	argv_push(&argv, ".");
	return pipeline_feed(e->pipeline, &argv, json_arr(e->args, "warnings"), err);
}

static enum op_result next_tree(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_JSON cJSON *name = cJSON_DetachItemFromArray(json_arr(e->args, "left"), 0);
	struct instance *inst = registry_find(e->b->registry, e->w.name, err);
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *dir = NULL;
	const cJSON *snapshot;

	if (inst == NULL)
		return OP_FAIL;
	if (name == NULL) {
		pipeline_next(e->pipeline, NULL);
		return feed_tree(e, e->w.dir, inst->desired, "backup/container", err);
	}
	snapshot = snapshot_find(e->b, inst, name->valuestring, err);
	if (snapshot == NULL)
		return OP_FAIL;
	folder = mem_printf("backup/snapshots/%s", name->valuestring);
	dir = snapshot_dir(e->b, e->w.name, name->valuestring);
	return feed_tree(e, dir, snapshot, folder, err);
}

/* ---- the operation */

static void export_unload(void *data)
{
	struct exporting *e = data;

	if (e == NULL)
		return;
	export_making_free(e);
	work_unload(&e->w); /* frees all of it: the work is its first member */
}

static void *export_load(void *ctx, cJSON *args, struct error *err)
{
	const char *name = json_str_or(args, "export", ""), *uuid = json_str_or(args, "uuid", "");
	AUTO_FREE char *hidden = mem_printf(".%s", name);
	struct work *w;
	struct exporting *e;
	char *out;

	if (export_name_check(name, err) < 0 || export_name_check(uuid, err) < 0 || (w = work_load(ctx, args, err)) == NULL)
		return NULL;
	out = export_dir(w->b, uuid, hidden);
	e = export_making_new(export_dir(w->b, uuid, name), mem_strdup(out), out, "instance_only", next_tree);
	e->w = *w;
	e->b = w->b;
	e->args = w->args;
	free(w);
	return e;
}

static const struct op_step export_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-backup", step_hook, NULL, 3600, 0 },
	{ "folder", step_folder, step_remove_folder, 3600, 0 },
	{ "open", step_export_open, step_export_kill, 60, 0 },
	{ "index", step_export_index, NULL, 600, 0 },
	{ "facts", step_facts, NULL, 600, 0 },
	{ "trees", step_export_trees, NULL, 30 * DAY_S, 0 },
	{ "finish", step_export_finish, NULL, DAY_S, 0 },
	{ "sync", step_export_sync, NULL, 0, 0 },
	{ "publish", step_export_place, NULL, 0, OP_COMMIT },
	{ "post-backup", step_hook, NULL, 3600, OP_UNRECORDED },
	{ 0 },
};

const struct op_kind export_kind = {
	.name = "export",
	.description = "Backing up instance",
	.steps = export_steps,
	.load = export_load,
	.unload = export_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
};

/* ---- the request */

bool export_asked(const cJSON *request)
{
	static const char *const lxd[] = { "name", "expires_at", "instance_only", "container_only", "optimized_storage",
					   "compression_algorithm" };

	for (size_t i = 0; i < sizeof(lxd) / sizeof(lxd[0]); i++)
		if (cJSON_HasObjectItem(request, lxd[i]))
			return true;
	return false;
}

static int take(struct berthd *b, const struct instance *inst, const cJSON *request, cJSON *args, struct error *err)
{
	AUTO_FREE char *shelf = export_dir(b, export_uuid(inst), "");

	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth, which does not know where its files lie",
				 inst->name);
	if (export_uuid(inst)[0] == '\0')
		return error_set(err, ERROR_INVALID, "'%s' has no volatile.uuid", inst->name);
	if (export_take_name(b, shelf, inst->name, request, args, err) < 0 || export_take(request, args, err) < 0)
		return -1;
	json_set_str(args, "name", inst->name);
	json_set_str(args, "uuid", export_uuid(inst));
	json_set_str(args, "backup", json_str(args, "export"));
	json_set_bool(args, "instance_only", json_bool(request, "instance_only", false) ||
					     json_bool(request, "container_only", false));
	return 0;
}

struct op *export_create(struct berthd *b, const char *instance, const cJSON *request, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, instance, err);
	AUTO_FREE char *lock = mem_printf("instance/%s", instance);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks };
	cJSON *args;

	if (inst == NULL)
		return NULL;
	args = cJSON_CreateObject();
	if (take(b, inst, request, args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	options.resources = export_resources(args);
	op_resource(options.resources, "containers", "/1.0/containers/%s", instance);
	op_resource(options.resources, "instances", "/1.0/instances/%s", instance);
	return op_start(b->ops, &export_kind, args, &options, err);
}
