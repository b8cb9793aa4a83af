/* SPDX-License-Identifier: MIT */
/* As custom-create (pool/custom_change.c), whose trees berth-restore unpacks, one pass over the archive for each. */
#include "backup/volume_import.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/import_private.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "lxc/probe.h"
#include "model/settings.h"
#include "pool/custom_work.h"
#include "pool/limit.h"

#define REPORT "report.json"
#define LAST_ID 4294967294u

#define STREAMS "streams" /* in w->temp: where send streams become trees */

/*
 * Args beyond custom_work's: config, description, archive (its path), shift, snapshots[], streams. In w->parts: {"folder", "to",
 * "shift"}.
 */

static enum op_result next_tree(struct op *op, struct error *err);

static int take_report(const struct custom_work *w, const struct proc_result *result, struct error *err)
{
	AUTO_FREE char *path = fs_join(w->temp, REPORT);
	AUTO_JSON cJSON *report = proc_report("berth-restore", result, path, err);

	if (report == NULL)
		return -1;
	return json_int(report, "entries", 0) > 0 ? 0 :
		error_set(err, ERROR_INVALID, "the backup holds no %s", json_str_or(w->args, "folder", ""));
}

static enum op_result unpacked(struct op *op, const struct proc_result *result, struct error *err)
{
	return take_report(op_data(op), result, err) < 0 ? OP_FAIL : next_tree(op, err);
}

static void build_argv(const struct custom_work *w, const cJSON *part, struct argv *argv)
{
	const char *shift = json_str(part, "shift");
	const struct settings *s = w->b->settings;

	argv_pushf(argv, "%s/berth-restore", s->libexec_dir);
	argv_push(argv, "tree");
	if (json_bool(w->args, "streams", false)) {
		argv_pushf(argv, "--into=%s/" STREAMS, w->temp);
		argv_pushf(argv, "--keep=%s", json_str_or(part, "to", ""));
		argv_pushf(argv, "--stream=%s.bin", json_str_or(part, "folder", ""));
	} else {
		argv_pushf(argv, "--into=%s", json_str_or(part, "to", ""));
		argv_pushf(argv, "--prefix=%s", json_str_or(part, "folder", ""));
	}
	argv_pushf(argv, "--report=%s/" REPORT, w->temp);
	argv_pushf(argv, "--max-bytes=%lld", (long long)s->image_max_bytes);
	argv_pushf(argv, "--max-entries=%lld", (long long)s->image_max_entries);
	argv_pushf(argv, "--max-id=%u", LAST_ID);
	argv_pushf(argv, "--stall=%lld", (long long)s->backup_stall_s);
	if (shift != NULL)
		argv_pushf(argv, "--shift=%s", shift);
}

static enum op_result next_tree(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_JSON cJSON *part = w->parts->child != NULL ? cJSON_DetachItemViaPointer(w->parts, w->parts->child) : NULL;
	const char *path = json_str_or(w->args, "archive", "");
	AUTO_CLOSE int fd = -1;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .use_stdin_fd = true };

	if (part == NULL)
		return OP_DONE;
	spec.stdin_fd = fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		error_sys(err, errno, "cannot open '%s'", path);
		return OP_FAIL;
	}
	if (!json_bool(w->args, "streams", false) && pool_tree_create(w->driver, json_str(part, "to"), err) < 0)
		return OP_FAIL;
	json_set_str(w->args, "folder", json_str(part, "folder"));
	build_argv(w, part, &argv);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, unpacked, err);
}

/* of: what has the "shift" */
static void add_part(struct custom_work *w, const cJSON *of, const char *folder, const char *to)
{
	cJSON *part = cJSON_CreateObject();

	json_set_str(part, "folder", folder);
	json_set_str(part, "to", to);
	json_set_str(part, "shift", json_str(of, "shift"));
	cJSON_AddItemToArray(w->parts, part);
}

static int add_snapshot(struct custom_work *w, const cJSON *snapshot, struct error *err)
{
	const char *name = json_str_or(snapshot, "name", "");
	AUTO_FREE char *meta = fs_join(w->temp, "meta"), *dir = custom_snapshot_folder(meta, name);
	AUTO_FREE char *note = fs_join(dir, CUSTOM_SNAPSHOT_FILE), *data = fs_join(dir, "data");
	AUTO_FREE char *folder = mem_printf("backup/volume-snapshots/%s", name);
	AUTO_JSON cJSON *v = cJSON_Duplicate(snapshot, true);

	json_set(v, "name", NULL);
	json_set(v, "shift", NULL);
	if (custom_name_check(name, err) < 0 || fs_mkdirs(dir, 0700, err) < 0 || json_write_file(note, v, JSON_DURABLE, err) < 0)
		return -1;
	add_part(w, snapshot, folder, data);
	return 0;
}

static int make_streams(const struct custom_work *w, struct error *err)
{
	AUTO_FREE char *path = fs_join(w->temp, STREAMS);

	if (!json_bool(w->args, "streams", false))
		return 0;
	return mkdir(path, 0700) == 0 ? 0 : error_sys(err, errno, "cannot make '%s'", path);
}

/* A stream changes what the ones before have made: the volume's comes last. */
static enum op_result step_build(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->temp, "data");
	const cJSON *item;

	if (custom_make_temp(w, err) < 0 || custom_write_new(w, err) < 0 || make_streams(w, err) < 0)
		return OP_FAIL;
	cJSON_ArrayForEach(item, json_arr(w->args, "snapshots"))
		if (add_snapshot(w, item, err) < 0)
			return OP_FAIL;
	add_part(w, w->args, "backup/volume", data);
	return next_tree(op, err);
}

static const struct op_step import_steps[] = {
	{ "check", step_custom_check_new, NULL, 0, 0 },
	{ "build", step_build, step_custom_untemp, 30 * 86400, 0 },
	{ "limit", step_custom_limit_new, NULL, 0, 0 },
	{ "place", step_custom_place_new, NULL, 0, OP_COMMIT },
	{ "tidy", step_custom_untemp, NULL, 3600, OP_UNRECORDED },
	{ 0 },
};

static const struct op_kind import_kind = {
	.name = "custom-import",
	.description = "Restoring custom volume backup",
	.steps = import_steps,
	.load = custom_load,
	.unload = custom_unload,
	.may_cancel = true,
};

void volume_import_register(struct op_queue *q)
{
	op_queue_register(q, &import_kind);
}

struct op *volume_import(struct berthd *b, const char *pool, const char *name, const cJSON *index, const char *path,
			 struct error *err)
{
	AUTO_JSON cJSON *v = volume_import_read(index, err);
	cJSON *config = json_obj(v, "config"), *args;
	struct error ignored = ERROR_INIT;

	if (v == NULL || pool_usable(b, pool, err) < 0 || import_check_driver(v, pool_driver(b, pool), err) < 0)
		return NULL;
	if (!b->probe->idmapped_mounts) {
		error_set(err, ERROR_UNSUPPORTED, "volumes cannot be imported here: this kernel has no idmapped mounts");
		return NULL;
	}
	if (name == NULL)
		name = json_str_or(v, "name", "");
	if (limit_possible(b, pool, "", &ignored) < 0)
		json_set(config, "size", NULL); /* which only the pool can limit where it was */
	if (custom_name_check(name, err) < 0 || custom_config_check(b, pool, name, config, err) < 0)
		return NULL;
	if (custom_exists(b, pool, name)) {
		error_set(err, ERROR_CONFLICT, "Volume by that name already exists");
		return NULL;
	}
	args = custom_args(pool, name);
	json_set_str(args, "archive", path);
	json_set_str(args, "description", json_str_or(v, "description", ""));
	json_set_str(args, "shift", json_str(v, "shift"));
	json_set_bool(args, "streams", json_bool(v, "streams", false));
	json_set(args, "config", cJSON_Duplicate(config, true));
	json_set(args, "snapshots", cJSON_Duplicate(json_arr(v, "snapshots"), true));
	return custom_start(b, &import_kind, args, err);
}
