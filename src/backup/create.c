/* SPDX-License-Identifier: MIT */
/* Making a backup: the operation and its steps; what reads the tree is in create_tree.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backup/checksum.h"
#include "backup/making.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "model/settings.h"

#define FILES_MAX 1000 /* seconds that one may be late for its name */

static cJSON *info_of(const struct making *m)
{
	return json_obj(m->w.args, "info");
}

/* ---- check, and the folder */

static int check(struct making *m, struct error *err)
{
	const struct instance *inst = registry_find(m->w.b->registry, m->w.name, err);

	if (inst == NULL || backup_seven(err) == NULL)
		return -1;
	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: only what berth has made can be backed up",
				 m->w.name);
	if (inst->note != NULL)
		return error_set(err, ERROR_INVALID, "%s", inst->note);
	if (strcmp(json_str_or(m->w.args, "mode", ""), "stop") == 0 && inst->state == LXC_RUNNING &&
	    json_bool(inst->desired, "ephemeral", false))
		return error_set(err, ERROR_INVALID, "'%s' is ephemeral: stopping it would delete it", m->w.name);
	/* what holds still by itself needs no second pass */
	if (inst->state == LXC_STOPPED || inst->state == LXC_FROZEN)
		json_set_bool(info_of(m), "manifest", false);
	return 0;
}

static enum op_result step_check(struct op *op, struct error *err)
{
	return check(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_folder(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	if (mkdir(m->tmp, 0700) < 0) {
		error_sys(err, errno, "cannot make '%s'", m->tmp);
		return OP_FAIL;
	}
	return OP_DONE;
}

static int remove_fn(void *arg, struct error *err)
{
	return fs_remove_tree(arg, err);
}

static enum op_result step_remove_folder(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	return op_thread(op, remove_fn, m->tmp, err);
}

/* ---- the small members, and the stream */

static int write_in(const struct making *m, const char *name, const cJSON *v, struct error *err)
{
	AUTO_FREE char *path = fs_join(m->tmp, name);

	return json_write_file(path, v, JSON_QUICK, err);
}

static int copy_config(const struct making *m, struct error *err)
{
	AUTO_FREE char *from = fs_join(m->w.dir, BACKUP_CONFIG);
	AUTO_FREE char *to = fs_join(m->tmp, BACKUP_CONFIG);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (fs_read_file(from, 4 << 20, &text, err) < 0)
		return -1;
	return fs_write_quick(to, text.buf, text.len, 0600, err);
}

static enum op_result added(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct making *m = op_data(op);

	if (proc_check("7-Zip", result, err) == 0)
		return OP_DONE;
	if (strstr(result->errs, "No space left") != NULL || strstr(result->out, "No space left") != NULL)
		error_set(err, ERROR_SYSTEM, "cannot write the backup: no space left on device in '%s'",
			  m->w.b->settings->backup_path);
	return OP_FAIL;
}

static enum op_result step_facts(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_find(m->w.b->registry, m->w.name, err);
	const char *seven = backup_seven(err);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .cwd = m->tmp };

	if (inst == NULL || seven == NULL || write_in(m, BACKUP_INFO, info_of(m), err) < 0 ||
	    write_in(m, BACKUP_DESIRED, inst->desired, err) < 0 || copy_config(m, err) < 0)
		return OP_FAIL;
	argv_pushl(&argv, seven, "a", "-t7z", "-bd", "-bso0", "-bsp0", "-y", "-mx=1", "--", PIPELINE_ARCHIVE, BACKUP_INFO,
		   BACKUP_DESIRED, BACKUP_CONFIG, NULL);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, added, err);
}

static enum op_result step_open(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	struct pipeline_options o = { .b = m->w.b, .dir = m->tmp, .expected = m->expected };

	o.seven = backup_seven(err);
	o.level = (int)json_int(m->w.args, "level", 0);
	o.bandwidth = (uint64_t)json_int(m->w.args, "bandwidth", 0);
	m->pipeline = o.seven != NULL ? pipeline_open(op, &o, err) : NULL;
	return m->pipeline != NULL ? OP_DONE : OP_FAIL;
}

static enum op_result step_kill_stream(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	return pipeline_kill(m->pipeline, err);
}

static enum op_result step_finish(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	return pipeline_finish(m->pipeline, err);
}

/* ---- is it good? */

static enum op_result summed(struct op *op, const struct proc_result *result, struct error *err)
{
	struct making *m = op_data(op);
	cJSON *info = info_of(m);
	AUTO_FREE char *path = fs_join(m->tmp, PIPELINE_ARCHIVE);
	char sum[SHA256_TEXT_SIZE];
	struct stat st;

	if (checksum_take(result, sum, err) < 0)
		return OP_FAIL;
	if (stat(path, &st) < 0) {
		error_sys(err, errno, "cannot look at '%s'", path);
		return OP_FAIL;
	}
	json_set_str(info, "sha256", sum);
	json_set_int(info, "size", st.st_size);
	json_set_int(info, "stream_bytes", (int64_t)pipeline_total(m->pipeline));
	json_set_str(info, "file", m->file);
	return OP_DONE;
}

static enum op_result step_digest(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	AUTO_FREE char *path = fs_join(m->tmp, PIPELINE_ARCHIVE);

	return checksum_start(op, m->w.b, path, summed, err);
}

static enum op_result step_test(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const char *seven = backup_seven(err);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .cwd = m->tmp };

	if (seven == NULL)
		return OP_FAIL;
	op_progress(op, "create_backup", 99, "testing");
	argv_pushl(&argv, seven, "t", "-bd", "-bso0", "-bsp0", "--", PIPELINE_ARCHIVE, NULL);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, NULL, err);
}

static int sync_fn(void *arg, struct error *err)
{
	AUTO_FREE char *path = fs_join(arg, PIPELINE_ARCHIVE);

	return fs_sync_file(path, err);
}

static enum op_result step_sync(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	return op_thread(op, sync_fn, m->tmp, err);
}

/* ---- it gets its name */

static int publish(struct making *m, struct error *err)
{
	AUTO_FREE char *made = fs_join(m->tmp, PIPELINE_ARCHIVE);
	AUTO_FREE char *archive = backup_archive_path(m->w.b, m->file);
	AUTO_FREE char *sidecar = backup_sidecar_path(m->w.b, m->file);

	if (fs_exists(made)) {
		if (json_write_file(sidecar, info_of(m), JSON_DURABLE, err) < 0)
			return -1;
		if (chmod(made, 0600) < 0 || rename(made, archive) < 0)
			return error_sys(err, errno, "cannot rename '%s' to '%s'", made, archive);
	}
	return fs_sync_dir(m->w.b->settings->backup_path, err);
}

/* Idempotent, and done again by the next start: the sidecar is there before its archive. */
static enum op_result step_publish(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	AUTO_FREE char *path = backup_archive_path(m->w.b, m->file);
	const cJSON *info = info_of(m);

	if (publish(m, err) < 0)
		return OP_FAIL;
	op_metadata_set(op, "file", cJSON_CreateString(m->file));
	op_metadata_set(op, "path", cJSON_CreateString(path));
	op_metadata_set(op, "size", cJSON_CreateNumber((double)json_int(info, "size", 0)));
	op_metadata_set(op, "sha256", cJSON_CreateString(json_str_or(info, "sha256", "")));
	if (cJSON_GetArraySize(json_arr(info, "warnings")) > 0)
		op_metadata_set(op, "warnings", cJSON_Duplicate(json_arr(info, "warnings"), true));
	return OP_DONE;
}

static enum op_result step_prune(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const cJSON *keep = json_obj(m->w.args, "keep");
	struct error failed = ERROR_INIT;
	cJSON *gone;

	if (keep == NULL || keep->child == NULL)
		return OP_DONE;
	gone = backup_prune(m->w.b, m->w.name, keep, false, &failed);
	if (gone == NULL)
		log_warning("backups of '%s': %s", m->w.name, failed.msg);
	else
		op_metadata_set(op, "pruned", gone);
	return OP_DONE;
}

/* ---- the operation */

static void *making_load(void *ctx, cJSON *args, struct error *err)
{
	struct work *w = work_load(ctx, args, err);
	const char *file = json_str_or(args, "file", "");
	struct making *m;

	if (w == NULL)
		return NULL;
	if (backup_file_check(file, err) < 0) {
		work_unload(w);
		return NULL;
	}
	m = mem_alloc(sizeof(*m));
	m->w = *w;
	free(w);
	m->file = mem_strdup(file);
	m->tmp = backup_tmp_path(m->w.b, file);
	return m;
}

static void making_unload(void *data)
{
	struct making *m = data;

	if (m == NULL)
		return;
	pipeline_free(m->pipeline);
	free(m->file);
	free(m->tmp);
	work_unload(&m->w); /* frees all of it: the work is its first member */
}

static const struct op_step steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-backup", step_hook, NULL, 3600, 0 },
	{ "folder", step_folder, step_remove_folder, 3600, 0 },
	{ "measure", step_backup_measure, NULL, MAKING_DAY_S, 0 },
	{ "facts", step_facts, NULL, 60, 0 },
	{ "open", step_open, step_kill_stream, 60, 0 },
	{ "stop", step_backup_stop, step_backup_unstop, 120, 0 },
	{ "settle", step_backup_settle, step_backup_sweep, 0, 0 },
	{ "read", step_backup_first_pass, NULL, 30 * MAKING_DAY_S, 0 },
	{ "sweep-cgroups", step_backup_sweep, NULL, 0, 0 },
	{ "start", step_backup_start, NULL, 120, 0 },
	{ "started", step_backup_started, NULL, 0, 0 },
	{ "freeze", step_backup_freeze, step_backup_thaw, 60, 0 },
	{ "compare", step_backup_compare, NULL, MAKING_DAY_S, 0 },
	{ "spill", step_backup_second_pass, NULL, MAKING_DAY_S, 0 },
	{ "thaw", step_backup_thaw, NULL, 60, 0 },
	{ "append", step_backup_append, NULL, MAKING_DAY_S, 0 },
	{ "manifest", step_backup_append, NULL, MAKING_DAY_S, 0 },
	{ "finish", step_finish, NULL, MAKING_DAY_S, 0 },
	{ "digest", step_digest, NULL, MAKING_DAY_S, 0 },
	{ "test", step_test, NULL, MAKING_DAY_S, 0 },
	{ "sync", step_sync, NULL, 0, 0 },
	{ "publish", step_publish, NULL, 0, OP_COMMIT },
	{ "clean", step_remove_folder, NULL, 3600, 0 },
	{ "start-again", step_backup_start, NULL, 120, 0 },
	{ "started-again", step_backup_started, NULL, 0, 0 },
	{ "prune", step_prune, NULL, 0, 0 },
	{ "post-backup", step_hook, NULL, 3600, 0 },
	{ "report", step_backup_report, NULL, 0, OP_REPORTS },
	{ 0 },
};

static const struct op_kind backup_kind = {
	.name = "backup",
	.description = "Backing up instance",
	.steps = steps,
	.load = making_load,
	.unload = making_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
};

static bool taken(struct berthd *b, const char *file)
{
	AUTO_FREE char *archive = backup_archive_path(b, file);
	AUTO_FREE char *sidecar = backup_sidecar_path(b, file);
	AUTO_FREE char *tmp = backup_tmp_path(b, file);

	return fs_exists(archive) || fs_exists(sidecar) || fs_exists(tmp);
}

struct naming {
	const char *file;
	bool found;
};

/* One that waits for the instance has its name already, and no folder yet. */
static void same_name(struct op *op, void *data)
{
	struct naming *n = data;

	if (op_is(op, &backup_kind) && !op_final(op) && strcmp(json_str_or(op_args(op), "file", ""), n->file) == 0)
		n->found = true;
}

static char *choose_name(struct berthd *b, const char *name, struct error *err)
{
	time_t now = time(NULL);

	for (int i = 0; i < FILES_MAX; i++) {
		char *file = backup_file_name(name, now + i);
		struct naming n = { .file = file };

		op_foreach(b->ops, same_name, &n);
		if (!n.found && !taken(b, file))
			return file;
		free(file);
	}
	error_set(err, ERROR_UNAVAILABLE, "too many backups of '%s' at once", name);
	return NULL;
}

static cJSON *resources(const char *name, const char *file)
{
	cJSON *v = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(v, "instances");
	AUTO_FREE char *instance = mem_printf("/1.0/instances/%s", name);
	AUTO_FREE char *backup = mem_printf("/1.0/instances/%s/backups/%s", name, file);

	cJSON_AddItemToArray(list, cJSON_CreateString(instance));
	list = cJSON_AddArrayToObject(v, "backups");
	cJSON_AddItemToArray(list, cJSON_CreateString(backup));
	return v;
}

struct op *backup_create(struct berthd *b, const char *name, const cJSON *request, struct error *err)
{
	AUTO_FREE char *lock = mem_printf("instance/%s", name);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks };
	cJSON *args = cJSON_CreateObject();
	AUTO_FREE char *file = NULL;

	if (backup_args(b, name, request, args, err) < 0 || backup_seven(err) == NULL ||
	    (file = choose_name(b, name, err)) == NULL) {
		cJSON_Delete(args);
		return NULL;
	}
	json_set_str(args, "file", file);
	json_set_str(args, "backup", file);
	options.resources = resources(name, file);
	return op_start(b->ops, &backup_kind, args, &options, err);
}

void backup_create_register(struct op_queue *q)
{
	op_queue_register(q, &backup_kind);
}
