/* SPDX-License-Identifier: MIT */
/* Deleting backups: one, all of an instance, those that the rules of retention do not want. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backup/backup.h"
#include "backup/checking.h"
#include "backup/format.h"
#include "model/retention.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/settings.h"

/*
 * The archive first: a sidecar that is left alone is shown as damaged, and can be deleted again. The caller syncs the folder
 * afterwards, also when this failed.
 */
static int remove_both(const struct berthd *b, const char *file, struct error *err)
{
	AUTO_FREE char *archive = backup_archive_path(b, file);
	AUTO_FREE char *sidecar = backup_sidecar_path(b, file);

	if (unlink(archive) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot delete '%s'", archive);
	if (unlink(sidecar) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot delete '%s'", sidecar);
	return 0;
}

/* After remove_both(), which returned rc: err stays what it says then. */
static int sync_folder(const struct berthd *b, int rc, struct error *err)
{
	struct error later = ERROR_INIT;

	return fs_sync_dir(b->settings->backup_path, rc < 0 ? &later : err) < 0 ? -1 : rc;
}

/* Some operation reads it, or will: a restore, a test, a deletion that waits for them. */
static bool in_use(const struct berthd *b, const char *file)
{
	AUTO_FREE char *lock = mem_printf("backup/%s", file);

	return op_locked(b->ops, lock);
}

/* ---- one */

static enum op_result step_delete(struct op *op, struct error *err)
{
	int rc = remove_both(op_ctx(op), json_str_or(op_args(op), "file", ""), err);

	return sync_folder(op_ctx(op), rc, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step delete_steps[] = { { "delete", step_delete, NULL, 60, OP_COMMIT }, { 0 } };
static const struct op_kind delete_kind = {
	.name = "backup-delete",
	.description = "Deleting backup",
	.steps = delete_steps,
	.load = backup_checked_load,
	.frees = true,
};

void *backup_checked_load(void *ctx, cJSON *args, struct error *err)
{
	return backup_file_check(json_str_or(args, "file", ""), err) == 0 ? ctx : NULL;
}

struct op *backup_start_on(struct berthd *b, const struct op_kind *kind, const cJSON *backup, struct error *err)
{
	const char *file = json_str_or(backup, "file", ""), *instance = json_str_or(backup, "instance", "");
	AUTO_FREE char *lock = mem_printf("backup/%s", file);
	AUTO_FREE char *url = instance[0] != '\0' ? mem_printf("/1.0/instances/%s/backups/%s", instance, file) :
						    mem_printf("/1.0/backups/%s", file);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };
	cJSON *args = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "backups"), cJSON_CreateString(url));
	json_set_str(args, "file", file);
	json_set_str(args, "instance", instance);
	return op_start(b->ops, kind, args, &options, err);
}

struct op *backup_delete(struct berthd *b, const char *name, const char *file, struct error *err)
{
	AUTO_JSON cJSON *backup = backup_get(b, file, err);

	if (backup == NULL)
		return NULL;
	if (name != NULL && strcmp(json_str_or(backup, "instance", ""), name) != 0) {
		error_set(err, ERROR_NOT_FOUND, "Backup not found: '%s' is none of '%s'", file, name);
		return NULL;
	}
	return backup_start_on(b, &delete_kind, backup, err);
}

/* ---- several */

int backup_delete_all(struct berthd *b, const char *name, struct error *err)
{
	AUTO_JSON cJSON *list = backup_list(b, name, err);
	const cJSON *v;
	int rc = 0;

	if (list == NULL)
		return -1;
	cJSON_ArrayForEach(v, list)
		if (in_use(b, json_str_or(v, "file", "")))
			return error_set(err, ERROR_CONFLICT, "the backup '%s' is being read: nothing was deleted",
					 json_str_or(v, "file", ""));
	cJSON_ArrayForEach(v, list)
		if ((rc = remove_both(b, json_str_or(v, "file", ""), err)) < 0)
			break;
	return cJSON_GetArraySize(list) > 0 ? sync_folder(b, rc, err) : 0;
}

static time_t created(const cJSON *backup)
{
	struct tm tm = { 0 };

	return strptime(json_str_or(backup, "created_at", ""), "%Y-%m-%dT%H:%M:%S", &tm) != NULL ? timegm(&tm) : -1;
}

/* The good ones, whose age is known. */
static size_t collect(const cJSON *list, const cJSON **good, time_t *times)
{
	const cJSON *v;
	size_t n = 0;

	cJSON_ArrayForEach(v, list) {
		times[n] = strcmp(json_str_or(v, "state", ""), "ok") == 0 ? created(v) : -1;
		if (times[n] >= 0)
			good[n++] = v;
	}
	return n;
}

cJSON *backup_prune(struct berthd *b, const char *name, const cJSON *keep, bool dry_run, struct error *err)
{
	AUTO_JSON cJSON *list = NULL;
	AUTO_FREE const cJSON **good = NULL;
	AUTO_FREE time_t *times = NULL;
	AUTO_FREE bool *kept = NULL;
	struct retention rules;
	cJSON *gone;
	size_t n, count;
	int rc = 0;

	if (retention_from_json(keep, &rules, err) < 0)
		return NULL;
	list = backup_list(b, name, err);
	if (list == NULL)
		return NULL;
	count = (size_t)cJSON_GetArraySize(list) + 1;
	good = mem_alloc(count * sizeof(*good));
	times = mem_alloc(count * sizeof(*times));
	kept = mem_alloc(count * sizeof(*kept));
	n = collect(list, good, times);
	retention_apply(&rules, times, n, kept);
	gone = cJSON_CreateArray();
	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *file = json_str_or(good[i], "file", "");

		if (kept[i] || in_use(b, file))
			continue;
		cJSON_AddItemToArray(gone, cJSON_CreateString(file));
		if (!dry_run)
			rc = remove_both(b, file, err);
	}
	if (!dry_run && cJSON_GetArraySize(gone) > 0 && sync_folder(b, rc, err) < 0) {
		cJSON_Delete(gone);
		return NULL;
	}
	return gone;
}

void backup_delete_register(struct op_queue *q)
{
	op_queue_register(q, &delete_kind);
}
