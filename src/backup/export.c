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
#include "base/strbuf.h"
#include "hook/hook.h"
#include "instance/snapshot.h"
#include "instance/work.h"
#include "model/settings.h"
#include "proc/compressor.h"

#define DAY_S 86400

/*
 * The operation's args (journalled): name, uuid, export, backup (= export, for hooks), expires_at, created_at,
 * instance_only, compression_algorithm, warnings[], left[]: the snapshots that are still to be read.
 */
struct exporting {
	struct work w; /* first: steps of the room instance see only this */
	char *dir, *tmp;
	struct pipeline *pipeline;
};

static const char *arg(const struct exporting *e, const char *key)
{
	return json_str_or(e->w.args, key, "");
}

/* ---- the folder, and what is small */

static enum op_result step_check(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	const struct instance *inst = registry_find(e->w.b->registry, e->w.name, err);

	if (inst == NULL)
		return OP_FAIL;
	if (inst->note != NULL)
		error_set(err, ERROR_INVALID, "%s", inst->note);
	else if (fs_exists(e->dir))
		error_set(err, ERROR_CONFLICT, "Backup \"%s/%s\" already exists", e->w.name, arg(e, "export"));
	else
		return OP_DONE;
	return OP_FAIL;
}

static cJSON *wanted_snapshots(const struct exporting *e, struct instance *inst)
{
	return cJSON_Duplicate(json_bool(e->w.args, "instance_only", false) ? NULL : snapshot_list(e->w.b, inst), true);
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
	struct instance *inst = registry_find(e->w.b->registry, e->w.name, err);
	AUTO_JSON cJSON *snapshots = inst != NULL ? wanted_snapshots(e, inst) : NULL;
	cJSON *left = cJSON_CreateArray();
	const cJSON *item;

	json_set(e->w.args, "left", left);
	cJSON_ArrayForEach(item, snapshots)
		cJSON_AddItemToArray(left, cJSON_CreateString(json_str_or(item, "name", "")));
	if (inst == NULL || refuse_unreadable(snapshots, err) < 0 || fs_remove_tree(e->tmp, err) < 0 ||
	    fs_mkdirs(e->tmp, 0700, err) < 0)
		return OP_FAIL;
	return export_write_facts(e->w.b, inst, snapshots, e->tmp, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_remove_folder(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	return op_thread(op, export_remove_fn, mem_strdup(e->tmp), err);
}

/* ---- the stream */

static enum op_result step_open(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *path = fs_join(e->tmp, EXPORT_ARCHIVE);
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

void export_push_tar(struct argv *argv)
{
	argv_pushl(argv, "tar", "--create", "--file=-", "--blocking-factor=512", "--format=posix",
		   "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", "--numeric-owner", NULL);
}

/* The index is the first member: LXD reads no further to know what it has. */
static enum op_result step_facts(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	bool first = strcmp(op_step_name(op), "index") == 0;
	AUTO_ARGV struct argv argv = ARGV_INIT;

	export_push_tar(&argv);
	argv_pushl(&argv, "--owner=0", "--group=0", "-C", e->tmp, NULL);
	if (first)
		argv_push(&argv, "backup/index.yaml");
	else
		argv_pushl(&argv, "--exclude=backup/index.yaml", "backup", NULL);
	return pipeline_feed(e->pipeline, &argv, NULL, err);
}

/* "./etc/hosts" becomes FOLDER/etc/hosts, also where a hard link leads; what a symbolic link says stays. */
static void push_transform(const char *folder, struct argv *argv)
{
	AUTO_STRBUF struct strbuf to = STRBUF_INIT;

	for (const char *p = folder; *p != '\0'; p++) {
		if (strchr("\\&,", *p) != NULL)
			strbuf_addch(&to, '\\');
		strbuf_addch(&to, *p);
	}
	argv_pushf(argv, "--transform=flags=rhS;s,^\\.,%s/rootfs,", to.buf);
}

/* The trees: of the container, or of one of its snapshots. */
static enum op_result feed_tree(struct exporting *e, const char *dir, const cJSON *desired, const char *folder,
				struct error *err)
{
	const struct tree tree = { .b = e->w.b, .dir = dir, .desired = desired };
	AUTO_ARGV struct argv argv = ARGV_INIT;

	tree_push_tar(&tree, &argv);
	push_transform(folder, &argv);
	argv_push(&argv, ".");
	return pipeline_feed(e->pipeline, &argv, json_arr(e->w.args, "warnings"), err);
}

static enum op_result next_tree(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_JSON cJSON *name = cJSON_DetachItemFromArray(json_arr(e->w.args, "left"), 0);
	struct instance *inst = registry_find(e->w.b->registry, e->w.name, err);
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *dir = NULL;
	const cJSON *snapshot;

	if (inst == NULL)
		return OP_FAIL;
	if (name == NULL) {
		pipeline_next(e->pipeline, NULL);
		return feed_tree(e, e->w.dir, inst->desired, "backup/container", err);
	}
	snapshot = snapshot_find(e->w.b, inst, name->valuestring, err);
	if (snapshot == NULL)
		return OP_FAIL;
	folder = mem_printf("backup/snapshots/%s", name->valuestring);
	dir = snapshot_dir(e->w.b, e->w.name, name->valuestring);
	return feed_tree(e, dir, snapshot, folder, err);
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
	AUTO_FREE char *path = fs_join(arg, EXPORT_ARCHIVE);
	AUTO_FREE char *facts = fs_join(arg, "backup");

	return fs_remove_tree(facts, err) < 0 ? -1 : fs_sync_file(path, err);
}

static enum op_result step_sync(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	return op_thread(op, sync_fn, e->tmp, err);
}

static int write_note(const struct exporting *e, struct error *err)
{
	AUTO_FREE char *path = fs_join(e->tmp, EXPORT_NOTE);
	AUTO_FREE char *archive = fs_join(e->tmp, EXPORT_ARCHIVE);
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	struct stat st;

	if (stat(archive, &st) < 0)
		return error_sys(err, errno, "cannot look at '%s'", archive);
	json_set_str(v, "name", arg(e, "export"));
	json_set_str(v, "created_at", arg(e, "created_at"));
	json_set_str(v, "expires_at", arg(e, "expires_at"));
	json_set_bool(v, "instance_only", json_bool(e->w.args, "instance_only", false));
	json_set_str(v, "compression_algorithm", arg(e, "compression_algorithm"));
	json_set_int(v, "size", st.st_size);
	return json_write_file(path, v, JSON_DURABLE, err);
}

/* Idempotent, and done again by the next start. */
static enum op_result step_publish(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	if (!fs_exists(e->tmp))
		return OP_DONE;
	if (write_note(e, err) < 0)
		return OP_FAIL;
	if (rename(e->tmp, e->dir) == 0)
		return OP_DONE;
	error_sys(err, errno, "cannot rename '%s' to '%s'", e->tmp, e->dir);
	return OP_FAIL;
}

/* ---- the operation */

static void export_unload(void *data)
{
	struct exporting *e = data;

	if (e == NULL)
		return;
	pipeline_free(e->pipeline);
	free(e->dir);
	free(e->tmp);
	work_unload(&e->w); /* frees all of it: the work is its first member */
}

static void *export_load(void *ctx, cJSON *args, struct error *err)
{
	struct work *w = work_load(ctx, args, err);
	const char *name = json_str_or(args, "export", ""), *uuid = json_str_or(args, "uuid", "");
	AUTO_FREE char *hidden = mem_printf(".%s", name);
	struct exporting *e;

	if (w == NULL)
		return NULL;
	e = mem_alloc(sizeof(*e));
	e->w = *w;
	free(w);
	e->dir = export_dir(e->w.b, uuid, name);
	e->tmp = export_dir(e->w.b, uuid, hidden);
	if (export_name_check(name, err) == 0 && export_name_check(uuid, err) == 0)
		return e;
	export_unload(e);
	return NULL;
}

static const struct op_step export_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-backup", step_hook, NULL, 3600, 0 },
	{ "folder", step_folder, step_remove_folder, 3600, 0 },
	{ "open", step_open, step_kill_stream, 60, 0 },
	{ "index", step_facts, NULL, 600, 0 },
	{ "facts", step_facts, NULL, 600, 0 },
	{ "trees", step_trees, NULL, 30 * DAY_S, 0 },
	{ "finish", step_finish, NULL, DAY_S, 0 },
	{ "sync", step_sync, NULL, 0, 0 },
	{ "publish", step_publish, NULL, 0, OP_COMMIT },
	{ "post-backup", step_hook, NULL, 3600, OP_UNRECORDED },
	{ 0 },
};

static const struct op_kind export_kind = {
	.name = "export",
	.description = "Backing up instance",
	.steps = export_steps,
	.load = export_load,
	.unload = export_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
};

void export_create_register(struct op_queue *q)
{
	op_queue_register(q, &export_kind);
}

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

struct naming {
	const char *instance, *name;
	bool found;
};

static void same_name(struct op *op, void *data)
{
	struct naming *n = data;

	if (op_is(op, &export_kind) && !op_final(op) && strcmp(json_str_or(op_args(op), "name", ""), n->instance) == 0 &&
	    strcmp(json_str_or(op_args(op), "export", ""), n->name) == 0)
		n->found = true;
}

static bool taken(struct berthd *b, const struct instance *inst, const char *name)
{
	AUTO_FREE char *dir = export_dir(b, export_uuid(inst), name);
	struct naming n = { .instance = inst->name, .name = name };

	op_foreach(b->ops, same_name, &n);
	return n.found || fs_exists(dir);
}

static int take_name(struct berthd *b, const struct instance *inst, const char *name, cJSON *args, struct error *err)
{
	AUTO_FREE char *next = NULL;

	for (unsigned i = 0; name[0] == '\0' && next == NULL; i++) {
		next = mem_printf("backup%u", i);
		if (taken(b, inst, next)) {
			free(next);
			next = NULL;
		}
	}
	if (next != NULL)
		name = next;
	if (export_name_check(name, err) < 0)
		return -1;
	if (taken(b, inst, name))
		return error_set(err, ERROR_CONFLICT, "Backup \"%s/%s\" already exists", inst->name, name);
	json_set_str(args, "export", name);
	json_set_str(args, "backup", name);
	return 0;
}

int export_take_expiry(const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, "expires_at");
	const char *text = v != NULL && !cJSON_IsNull(v) ? cJSON_GetStringValue(v) : TIME_UNSET;
	time_t when;

	if (text == NULL || time_parse(text, &when) < 0)
		return error_set(err, ERROR_INVALID, "expires_at '%.40s' is no RFC 3339 time such as 2026-12-31T00:00:00Z",
				 text != NULL ? text : "");
	json_set_str(args, "expires_at", text);
	return 0;
}

int export_check_algorithm(const char *algorithm, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;

	if (strncmp(algorithm, "squashfs", 8) == 0 || strncmp(algorithm, "tar2sqfs", 8) == 0)
		return error_set(err, ERROR_INVALID, "a backup cannot be compressed with '%.64s': it is a tar archive", algorithm);
	if (compressor_argv(algorithm, "", &argv, err) == 0)
		return 0;
	error_wrap(err, "Invalid compression algorithm \"%.64s\"", algorithm);
	return -1;
}

static int take(struct berthd *b, const struct instance *inst, const cJSON *request, cJSON *args, struct error *err)
{
	const char *algorithm = json_str_or(request, "compression_algorithm", "");
	char now[TIME_TEXT_SIZE];

	if (algorithm[0] == '\0')
		algorithm = "gzip";
	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth, which does not know where its files lie",
				 inst->name);
	if (export_uuid(inst)[0] == '\0')
		return error_set(err, ERROR_INVALID, "'%s' has no volatile.uuid", inst->name);
	if (take_name(b, inst, json_str_or(request, "name", ""), args, err) < 0 || export_take_expiry(request, args, err) < 0 ||
	    export_check_algorithm(algorithm, err) < 0)
		return -1;
	time_now(now);
	json_set_str(args, "name", inst->name);
	json_set_str(args, "uuid", export_uuid(inst));
	json_set_str(args, "created_at", now);
	json_set_str(args, "compression_algorithm", algorithm);
	json_set_bool(args, "instance_only", json_bool(request, "instance_only", false) ||
					     json_bool(request, "container_only", false));
	cJSON_AddArrayToObject(args, "warnings");
	return 0;
}

static void add_resource(cJSON *resources, const char *kind, const char *name)
{
	AUTO_FREE char *url = mem_printf("/1.0/%s/%s", kind, name);

	cJSON_AddItemToArray(cJSON_AddArrayToObject(resources, kind), cJSON_CreateString(url));
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
	options.resources = cJSON_CreateObject();
	add_resource(options.resources, "backups", json_str(args, "export")); /* so, not the URL: clients cut "/1.0/backups/" off */
	add_resource(options.resources, "containers", instance);
	add_resource(options.resources, "instances", instance);
	return op_start(b->ops, &export_kind, args, &options, err);
}
