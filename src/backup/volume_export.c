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
#include "base/yaml_print.h"
#include "lxc/probe.h"
#include "pool/custom_work.h"
#include "proc/compressor.h"

#define DAY_S 86400

/* Args beyond custom_work's: export, expires_at, created_at, volume_only, compression_algorithm, warnings[], left[]: snapshots. */
struct exporting {
	struct custom_work w; /* first: steps of the room pool see only this */
	struct pipeline *pipeline;
};

static const char *arg(const struct exporting *e, const char *key)
{
	return json_str_or(e->w.args, key, "");
}

static int already(const char *volume, const char *name, struct error *err)
{
	return error_set(err, ERROR_CONFLICT, "Create volume backup: Backup \"%s/%s\" already exists", volume, name);
}

/* ---- what is archived */

static enum op_result step_check(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *dir = volume_export_dir(e->w.b, e->w.pool, e->w.name, arg(e, "export"));

	if (custom_find(e->w.b, e->w.pool, e->w.name, err) < 0)
		return OP_FAIL;
	if (!fs_exists(dir))
		return OP_DONE;
	already(e->w.name, arg(e, "export"), err);
	return OP_FAIL;
}

static enum op_result step_copy(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *data = fs_join(e->w.temp, "data");

	if (custom_make_temp(&e->w, err) < 0)
		return OP_FAIL;
	custom_add_part(&e->w, e->w.path, data, false);
	return custom_copy_parts(op, err);
}

static cJSON *index_of(const struct exporting *e, cJSON *volume, cJSON *snapshots)
{
	cJSON *v = cJSON_CreateObject(), *names = cJSON_CreateArray(), *config = cJSON_CreateObject();
	const cJSON *item;

	json_set_str(v, "name", e->w.name);
	json_set_str(v, "backend", strcmp(e->w.driver, "btrfs") == 0 ? "btrfs" : "dir");
	json_set_str(v, "pool", e->w.pool);
	cJSON_ArrayForEach(item, snapshots)
		cJSON_AddItemToArray(names, cJSON_CreateString(json_str_or(item, "name", "")));
	if (names->child != NULL)
		json_set(v, "snapshots", cJSON_Duplicate(names, true));
	json_set_bool(v, "optimized", false);
	json_set_bool(v, "optimized_header", false);
	json_set_str(v, "type", "custom");
	json_set(volume, "used_by", cJSON_CreateArray());
	json_set(config, "volume", cJSON_Duplicate(volume, true));
	json_set(config, "volume_snapshots", cJSON_Duplicate(snapshots, true));
	json_set(v, "config", config);
	json_set(e->w.args, "left", names);
	return v;
}

static int write_index(struct exporting *e, const char *dir, struct error *err)
{
	AUTO_JSON cJSON *volume = custom_get(e->w.b, e->w.pool, e->w.name, err);
	AUTO_JSON cJSON *snapshots = json_bool(e->w.args, "volume_only", false) ? cJSON_CreateArray() :
					     custom_snapshot_list(e->w.b, e->w.pool, e->w.name, err);
	AUTO_FREE char *path = fs_join(dir, "index.yaml");
	AUTO_JSON cJSON *index = NULL;
	AUTO_FREE char *text = NULL;
	size_t len;

	if (volume == NULL || snapshots == NULL)
		return -1;
	index = index_of(e, volume, snapshots);
	text = yaml_text(index, &len, err);
	return text == NULL ? -1 : fs_write_quick(path, text, len, 0600, err);
}

static enum op_result step_facts(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *dir = fs_join(e->w.temp, "backup"), *out = fs_join(e->w.temp, "out");

	return fs_mkdirs(dir, 0700, err) < 0 || fs_mkdirs(out, 0700, err) < 0 || write_index(e, dir, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- the stream */

static enum op_result step_open(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *path = fs_join(e->w.temp, "out/" EXPORT_ARCHIVE);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	const struct pipeline_file file = { .packer = &argv, .fd = fd, .what = "backup", .stage = "create_backup", .text = "" };
	struct pipeline_options o = { .b = e->w.b, .file = &file };

	if (fd < 0) {
		error_sys(err, errno, "cannot make '%s'", path);
		return OP_FAIL;
	}
	if (compressor_argv(arg(e, "compression_algorithm"), path, &argv, err) < 0)
		return OP_FAIL;
	e->pipeline = pipeline_open(op, &o, err);
	return e->pipeline != NULL ? OP_DONE : OP_FAIL;
}

static enum op_result step_kill_stream(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	return pipeline_kill(e->pipeline, err);
}

/* The index is the first member: LXD reads no further to know what it has. */
static enum op_result step_index(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;

	export_push_tar(&argv);
	argv_pushl(&argv, "--owner=0", "--group=0", "-C", e->w.temp, "backup/index.yaml", NULL);
	return pipeline_feed(e->pipeline, &argv, NULL, err);
}

static enum op_result feed_tree(struct exporting *e, const char *dir, const char *folder, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;

	export_push_tar(&argv);
	argv_pushl(&argv, "--xattrs", "--xattrs-include=*", "--xattrs-exclude=security.selinux", "--acls", "--sparse",
		   "--warning=no-file-ignored", NULL);
	argv_pushf(&argv, "--transform=flags=rhS;s,^\\.,%s,", folder);
	argv_pushl(&argv, "-C", dir, ".", NULL);
	return pipeline_feed(e->pipeline, &argv, json_arr(e->w.args, "warnings"), err);
}

static enum op_result next_tree(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_JSON cJSON *name = cJSON_DetachItemFromArray(json_arr(e->w.args, "left"), 0);
	AUTO_FREE char *data = fs_join(e->w.temp, "data");
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *dir = NULL;

	if (name == NULL) {
		pipeline_next(e->pipeline, NULL);
		return feed_tree(e, data, "backup/volume", err);
	}
	folder = mem_printf("backup/volume-snapshots/%s", name->valuestring);
	dir = mem_printf("%s/snapshots/%s/data", e->w.meta, name->valuestring);
	return feed_tree(e, dir, folder, err);
}

static enum op_result step_trees(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	pipeline_next(e->pipeline, next_tree);
	return next_tree(op, err);
}

static enum op_result step_finish(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	return pipeline_finish(e->pipeline, err);
}

/* ---- it gets its name */

static int sync_fn(void *arg, struct error *err)
{
	AUTO_FREE char *path = fs_join(arg, "out/" EXPORT_ARCHIVE);

	return fs_sync_file(path, err);
}

static enum op_result step_sync(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	return op_thread(op, sync_fn, e->w.temp, err);
}

static int write_note(const struct exporting *e, const char *out, struct error *err)
{
	AUTO_FREE char *path = fs_join(out, EXPORT_NOTE), *archive = fs_join(out, EXPORT_ARCHIVE);
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	struct stat st;

	if (stat(archive, &st) < 0)
		return error_sys(err, errno, "cannot look at '%s'", archive);
	json_set_str(v, "name", arg(e, "export"));
	json_set_str(v, "created_at", arg(e, "created_at"));
	json_set_str(v, "expires_at", arg(e, "expires_at"));
	json_set_bool(v, "volume_only", json_bool(e->w.args, "volume_only", false));
	json_set_int(v, "size", st.st_size);
	return json_write_file(path, v, JSON_DURABLE, err);
}

/* Idempotent, and done again by the next start. */
static enum op_result step_publish(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *dir = volume_export_dir(e->w.b, e->w.pool, e->w.name, arg(e, "export"));
	AUTO_FREE char *parent = fs_join(e->w.meta, "backups"), *out = fs_join(e->w.temp, "out");

	if (!fs_exists(out))
		return OP_DONE;
	if (write_note(e, out, err) < 0 || fs_mkdirs(parent, 0700, err) < 0)
		return OP_FAIL;
	if (rename(out, dir) < 0) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", out, dir);
		return OP_FAIL;
	}
	return fs_sync_dir(parent, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- the operation */

static void export_unload(void *data)
{
	struct exporting *e = data;

	if (e == NULL)
		return;
	pipeline_free(e->pipeline);
	custom_unload(&e->w); /* frees all of it: the work is its first member */
}

static void *export_load(void *ctx, cJSON *args, struct error *err)
{
	struct custom_work *w = export_name_check(json_str_or(args, "export", ""), err) < 0 ? NULL : custom_load(ctx, args, err);
	struct exporting *e;

	if (w == NULL)
		return NULL;
	e = mem_alloc(sizeof(*e));
	e->w = *w;
	free(w);
	return e;
}

static const struct op_step export_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "copy", step_copy, step_custom_untemp, 6 * 3600, 0 },
	{ "facts", step_facts, NULL, 0, 0 },
	{ "open", step_open, step_kill_stream, 60, 0 },
	{ "index", step_index, NULL, 600, 0 },
	{ "trees", step_trees, NULL, 30 * DAY_S, 0 },
	{ "finish", step_finish, NULL, DAY_S, 0 },
	{ "sync", step_sync, NULL, 0, 0 },
	{ "publish", step_publish, NULL, 0, OP_COMMIT },
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

struct naming {
	const char *pool, *volume, *name;
	bool found;
};

static void same_name(struct op *op, void *data)
{
	struct naming *n = data;
	const cJSON *args = op_args(op);

	if (op_is(op, &volume_export_kind) && !op_final(op) && strcmp(json_str_or(args, "pool", ""), n->pool) == 0 &&
	    strcmp(json_str_or(args, "volume", ""), n->volume) == 0 && strcmp(json_str_or(args, "export", ""), n->name) == 0)
		n->found = true;
}

static bool taken(struct berthd *b, const char *pool, const char *volume, const char *name)
{
	AUTO_FREE char *dir = volume_export_dir(b, pool, volume, name);
	struct naming n = { .pool = pool, .volume = volume, .name = name };

	op_foreach(b->ops, same_name, &n);
	return n.found || fs_exists(dir);
}

static int take_name(struct berthd *b, const char *pool, const char *volume, const char *name, cJSON *args, struct error *err)
{
	if (name[0] != '\0') {
		json_set_str(args, "export", name);
		if (export_name_check(name, err) < 0)
			return -1;
		return taken(b, pool, volume, name) ? already(volume, name, err) : 0;
	}
	for (unsigned i = 0;; i++) {
		AUTO_FREE char *next = mem_printf("backup%u", i);

		if (taken(b, pool, volume, next))
			continue;
		json_set_str(args, "export", next);
		return 0;
	}
}

static int take(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const char *algorithm = json_str_or(request, "compression_algorithm", "");
	char now[TIME_TEXT_SIZE];

	if (!b->probe->idmapped_mounts)
		return error_set(err, ERROR_UNSUPPORTED, "volumes cannot be exported here: this kernel has no idmapped mounts");
	if (algorithm[0] == '\0')
		algorithm = "gzip";
	if (export_take_expiry(request, args, err) < 0 || export_check_algorithm(algorithm, err) < 0)
		return -1;
	time_now(now);
	json_set_str(args, "created_at", now);
	json_set_str(args, "compression_algorithm", algorithm);
	json_set_bool(args, "volume_only", json_bool(request, "volume_only", false));
	cJSON_AddArrayToObject(args, "warnings");
	return 0;
}

static void add_resource(cJSON *resources, const char *kind, const char *name)
{
	AUTO_FREE char *url = mem_printf("/1.0/%s/%s", kind, name);

	cJSON_AddItemToArray(cJSON_AddArrayToObject(resources, kind), cJSON_CreateString(url));
}

struct op *volume_export_create(struct berthd *b, const char *pool, const char *volume, const cJSON *request, struct error *err)
{
	cJSON *args = custom_args(pool, volume), *resources;

	if (custom_find(b, pool, volume, err) < 0 || take(b, request, args, err) < 0 ||
	    take_name(b, pool, volume, json_str_or(request, "name", ""), args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	resources = cJSON_CreateObject();
	add_resource(resources, "backups", json_str(args, "export")); /* so, not the URL: clients cut "/1.0/backups/" off */
	add_resource(resources, "storage_volumes", volume);
	return volume_export_start(b, &volume_export_kind, args, resources, err);
}
