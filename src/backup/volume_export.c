/* SPDX-License-Identifier: MIT */
/*
 * The volume is copied into ..new.MARK/data (on btrfs by a snapshot), where no container reaches it; tar reads that, and the
 * snapshots. The archive is made in ..new.MARK/out/, which is renamed to .NAME/backups/B when it is whole.
 */
#include "backup/volume_export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/export_private.h"
#include "backup/pipeline.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/yaml_print.h"
#include "lxc/probe.h"
#include "pool/custom_work.h"

#define DAY_S 86400

/* Args beyond those of custom_work.h and export_private.h: volume_only. */

static int wrap(int rc, struct error *err)
{
	if (rc < 0 && err->code == ERROR_CONFLICT)
		error_wrap(err, "Create volume backup");
	return rc;
}

/* ---- what is archived */

static enum op_result step_check(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	if (custom_find(e->b, e->c.pool, e->c.name, err) < 0)
		return OP_FAIL;
	if (!fs_exists(e->dir))
		return OP_DONE;
	(void)wrap(export_already(e->c.name, json_str_or(e->args, "export", ""), err), err);
	return OP_FAIL;
}

static enum op_result step_copy(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *data = fs_join(e->c.temp, "data");

	if (custom_make_temp(&e->c, err) < 0)
		return OP_FAIL;
	custom_add_part(&e->c, e->c.path, data, false);
	return custom_copy_parts(op, err);
}

static int write_index(struct exporting *e, const char *dir, struct error *err)
{
	AUTO_JSON cJSON *volume = custom_get(e->b, e->c.pool, e->c.name, err);
	AUTO_JSON cJSON *snapshots = json_bool(e->args, "volume_only", false) ? cJSON_CreateArray() :
					     custom_snapshot_list(e->b, e->c.pool, e->c.name, err);
	const char *backend = strcmp(e->c.driver, "btrfs") == 0 ? "btrfs" : "dir";
	AUTO_JSON cJSON *index = NULL;
	cJSON *config;

	if (volume == NULL || snapshots == NULL)
		return -1;
	json_set(volume, "used_by", cJSON_CreateArray());
	config = cJSON_CreateObject();
	json_set(config, "volume", cJSON_Duplicate(volume, true));
	json_set(config, "volume_snapshots", cJSON_Duplicate(snapshots, true));
	index = export_index(e->c.name, backend, e->c.pool, "custom", snapshots, config);
	return export_write_index(dir, index, e->args, err);
}

static enum op_result step_facts(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *dir = fs_join(e->facts, "backup");

	return fs_mkdirs(dir, 0700, err) < 0 || fs_mkdirs(e->out, 0700, err) < 0 || write_index(e, dir, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- the stream */

static enum op_result feed_tree(struct exporting *e, const char *dir, const char *folder, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;

	export_push_tar(&argv);
	argv_pushl(&argv, "--xattrs", "--xattrs-include=*", "--xattrs-exclude=security.selinux", "--acls", "--sparse",
		   "--warning=no-file-ignored", NULL);
	export_push_transform(&argv, folder);
	argv_pushl(&argv, "-C", dir, ".", NULL);
	return pipeline_feed(e->pipeline, &argv, json_arr(e->args, "warnings"), err);
}

static enum op_result next_tree(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_JSON cJSON *name = cJSON_DetachItemFromArray(json_arr(e->args, "left"), 0);
	AUTO_FREE char *data = fs_join(e->c.temp, "data");
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *snapshot = NULL;
	AUTO_FREE char *dir = NULL;

	if (name == NULL) {
		pipeline_next(e->pipeline, NULL);
		return feed_tree(e, data, "backup/volume", err);
	}
	folder = mem_printf("backup/volume-snapshots/%s", name->valuestring);
	snapshot = custom_snapshot_folder(e->c.meta, name->valuestring);
	dir = fs_join(snapshot, "data");
	return feed_tree(e, dir, folder, err);
}

/* ---- the operation */

static void export_unload(void *data)
{
	struct exporting *e = data;

	if (e == NULL)
		return;
	export_making_free(e);
	custom_unload(&e->c); /* frees all of it: the work is its first member */
}

static void *export_load(void *ctx, cJSON *args, struct error *err)
{
	const char *name = json_str_or(args, "export", "");
	struct custom_work *w = export_name_check(name, err) < 0 ? NULL : custom_load(ctx, args, err);
	struct exporting *e;

	if (w == NULL)
		return NULL;
	e = export_making_new(volume_export_dir(w->b, w->pool, w->name, name), mem_strdup(w->temp), fs_join(w->temp, "out"),
			      "volume_only", next_tree);
	e->c = *w;
	e->b = w->b;
	e->args = w->args;
	free(w);
	return e;
}

static const struct op_step export_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "copy", step_copy, step_custom_untemp, 6 * 3600, 0 },
	{ "facts", step_facts, NULL, 0, 0 },
	{ "open", step_export_open, step_export_kill, 60, 0 },
	{ "index", step_export_index, NULL, 600, 0 },
	{ "trees", step_export_trees, NULL, 30 * DAY_S, 0 },
	{ "finish", step_export_finish, NULL, DAY_S, 0 },
	{ "sync", step_export_sync, NULL, 0, 0 },
	{ "publish", step_export_place, NULL, 0, OP_COMMIT },
	{ "sweep", step_custom_untemp, NULL, 3600, 0 },
	{ 0 },
};

const struct op_kind volume_export_kind = {
	.name = "custom-export",
	.description = "Creating custom volume backup",
	.steps = export_steps,
	.load = export_load,
	.unload = export_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
};

/* ---- the request */

static int take(struct berthd *b, const char *pool, const char *volume, const cJSON *request, cJSON *args, struct error *err)
{
	AUTO_FREE char *shelf = volume_export_dir(b, pool, volume, "");

	if (!b->probe->idmapped_mounts)
		return error_set(err, ERROR_UNSUPPORTED, "volumes cannot be exported here: this kernel has no idmapped mounts");
	json_set_bool(args, "volume_only", json_bool(request, "volume_only", false));
	if (export_take(request, args, err) < 0)
		return -1;
	return wrap(export_take_name(b, shelf, volume, request, args, err), err);
}

struct op *volume_export_create(struct berthd *b, const char *pool, const char *volume, const cJSON *request, struct error *err)
{
	AUTO_STRBUF struct strbuf escaped = STRBUF_INIT;
	cJSON *args = custom_args(pool, volume), *resources;

	if (custom_find(b, pool, volume, err) < 0 || take(b, pool, volume, request, args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	resources = export_resources(args);
	strbuf_adduri(&escaped, volume);
	op_resource(resources, "storage_volumes", "/1.0/storage_volumes/%s", escaped.buf);
	return volume_export_start(b, &volume_export_kind, args, resources, err);
}
