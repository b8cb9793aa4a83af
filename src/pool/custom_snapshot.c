/* SPDX-License-Identifier: MIT */
/* Snapshots of custom volumes, and going back to one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/expiry.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/snapshot_pattern.h"
#include "pool/custom_work.h"

/* meta/snapshots/NAME; half-made "..new.MARK" */
static char *folder(const struct custom_work *w, const char *name)
{
	return custom_snapshot_folder(w->meta, name);
}

static char *half_made(const struct custom_work *w)
{
	return mem_printf("%s/snapshots/..new.%s", w->meta, json_str_or(w->args, "mark", ""));
}

static bool taken(const struct custom_work *w, const char *name)
{
	AUTO_FREE char *path = folder(w, name);

	return fs_exists(path);
}

/* ---- create */

static enum op_result step_check_create(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	if (custom_find(w->b, w->pool, w->name, err) < 0)
		return OP_FAIL;
	if (!taken(w, w->snapshot))
		return OP_DONE;
	error_set(err, ERROR_CONFLICT, "Snapshot \"%s\" already in use", w->snapshot);
	return OP_FAIL;
}

static int write_notes(const struct custom_work *w, const char *dir, struct error *err)
{
	AUTO_FREE char *file = fs_join(dir, CUSTOM_SNAPSHOT_FILE);
	AUTO_JSON cJSON *volume = custom_read(w->b, w->pool, w->name);
	char now[TIME_TEXT_SIZE];

	time_now(now);
	json_set_str(volume, "created_at", now);
	json_set_str(volume, "expires_at", json_str_or(w->args, "expires_at", TIME_UNSET));
	if (json_str(w->args, "description") != NULL)
		json_set_str(volume, "description", json_str(w->args, "description"));
	return json_write_file(file, volume, JSON_DURABLE, err);
}

static enum op_result step_copy(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *parent = fs_join(w->meta, "snapshots"), *dir = half_made(w), *data = fs_join(dir, "data");

	if (fs_mkdirs(parent, 0700, err) < 0)
		return OP_FAIL;
	if (mkdir(dir, 0700) < 0) {
		error_sys(err, errno, "cannot make '%s'", dir);
		return OP_FAIL;
	}
	if (write_notes(w, dir, err) < 0)
		return OP_FAIL;
	custom_add_part(w, w->path, data, true);
	return custom_copy_parts(op, err);
}

static int remove_half_fn(void *arg, struct error *err)
{
	const struct custom_work *w = arg;
	AUTO_FREE char *dir = half_made(w), *parent = fs_join(w->meta, "snapshots");

	if (fs_exists(dir) && pool_remove(dir, err) < 0)
		return -1;
	(void)rmdir(parent);
	return 0;
}

static enum op_result step_remove_half(struct op *op, struct error *err)
{
	return op_thread(op, remove_half_fn, op_data(op), err);
}

static int rename_folder(const struct custom_work *w, const char *from, const char *to, struct error *err)
{
	AUTO_FREE char *parent = fs_join(w->meta, "snapshots");

	if (rename(from, to) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot rename '%s' to '%s'", from, to);
	return fs_exists(parent) ? fs_sync_dir(parent, err) : 0;
}

static enum op_result step_place(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *from = half_made(w), *to = folder(w, w->snapshot);

	return rename_folder(w, from, to, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step create_steps[] = {
	{ "check", step_check_create, NULL, 0, 0 },
	{ "copy", step_copy, step_remove_half, 6 * 3600, 0 },
	{ "place", step_place, NULL, 0, OP_COMMIT },
	{ 0 },
};

const struct op_kind custom_snapshot_create_kind = {
	.name = "custom-snapshot",
	.description = "Creating storage volume snapshot",
	.steps = create_steps,
	.load = custom_load,
	.unload = custom_unload,
};

/* ---- delete, rename */

static enum op_result step_check_snapshot(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	const char *to = json_str(w->args, "to");

	if (custom_find(w->b, w->pool, w->name, err) < 0)
		return OP_FAIL;
	if (!taken(w, w->snapshot))
		error_set(err, ERROR_NOT_FOUND, "Storage pool volume not found");
	else if (to != NULL && taken(w, to))
		error_set(err, ERROR_CONFLICT, "Snapshot \"%s\" already in use", to);
	else
		return OP_DONE;
	return OP_FAIL;
}

static enum op_result step_hide(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *from = folder(w, w->snapshot), *to = half_made(w);

	return rename_folder(w, from, to, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unhide(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *from = half_made(w), *to = folder(w, w->snapshot);

	return rename_folder(w, from, to, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step delete_steps[] = {
	{ "check", step_check_snapshot, NULL, 0, 0 },
	{ "hide", step_hide, step_unhide, 0, OP_COMMIT },
	{ "remove", step_remove_half, NULL, 3600, 0 },
	{ 0 },
};

const struct op_kind custom_snapshot_delete_kind = {
	.name = "custom-snapshot-delete",
	.description = "Deleting storage volume snapshot",
	.steps = delete_steps,
	.load = custom_load,
	.unload = custom_unload,
	.frees = true,
	.retries = true,
};

static enum op_result step_rename(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *from = folder(w, w->snapshot), *to = folder(w, json_str_or(w->args, "to", ""));

	return rename_folder(w, from, to, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step rename_steps[] = {
	{ "check", step_check_snapshot, NULL, 0, 0 },
	{ "rename", step_rename, NULL, 0, OP_COMMIT },
	{ 0 },
};

const struct op_kind custom_snapshot_rename_kind = {
	.name = "custom-snapshot-rename",
	.description = "Renaming storage volume snapshot",
	.steps = rename_steps,
	.load = custom_load,
	.unload = custom_unload,
};

/* ---- restore: a copy of the snapshot is made, then the two change places; the old tree goes last */

static enum op_result step_check_restore(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_JSON cJSON *users = NULL;

	if (step_check_snapshot(op, err) == OP_FAIL)
		return OP_FAIL;
	users = custom_users(w->b, w->pool, w->name, true);
	if (users->child == NULL)
		return OP_DONE;
	error_set(err, ERROR_TOOL, "Cannot restore custom volume used by running instances");
	return OP_FAIL;
}

static enum op_result step_build(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *dir = folder(w, w->snapshot), *from = fs_join(dir, "data"), *to = fs_join(w->temp, "data");

	if (custom_make_temp(w, err) < 0)
		return OP_FAIL;
	custom_add_part(w, from, to, false);
	return custom_copy_parts(op, err);
}

enum op_result step_custom_limit(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->temp, "data");
	AUTO_JSON cJSON *volume = custom_read(w->b, w->pool, w->name);

	return custom_limit(op, data, json_obj(volume, "config"), err);
}

/* Started while the new tree was made: its mount would be of the old one. */
static int check_stopped(const struct custom_work *w, struct error *err)
{
	AUTO_JSON cJSON *users = custom_users(w->b, w->pool, w->name, true);

	return users->child == NULL ? 0 : error_set(err, ERROR_CONFLICT, "'%s' was started meanwhile, which has the volume '%s'",
						    users->child->valuestring, w->name);
}

/* Idempotent: as long as the new tree is where it was made, it has not been put in place. */
enum op_result step_custom_swap(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->temp, "data"), *old = fs_join(w->temp, "old");

	if (!fs_exists(data))
		return OP_DONE;
	if (!op_recovering(op) && check_stopped(w, err) < 0)
		return OP_FAIL;
	if (!fs_exists(old) && rename(w->path, old) < 0 && errno != ENOENT) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", w->path, old);
		return OP_FAIL;
	}
	if (rename(data, w->path) < 0) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", data, w->path);
		return OP_FAIL;
	}
	return fs_sync_dir(w->at.dir, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step restore_steps[] = {
	{ "check", step_check_restore, NULL, 0, 0 },
	{ "build", step_build, step_custom_untemp, 6 * 3600, 0 },
	{ "limit", step_custom_limit, NULL, 0, 0 },
	{ "swap", step_custom_swap, NULL, 0, OP_COMMIT },
	{ "sweep", step_custom_untemp, NULL, 3600, 0 },
	{ 0 },
};

const struct op_kind custom_restore_kind = {
	.name = "custom-restore",
	.description = "Restoring storage volume",
	.steps = restore_steps,
	.load = custom_load,
	.unload = custom_unload,
	.retries = true,
};

/* ---- requests */

struct names {
	const cJSON *list;
};

static bool name_taken(const char *name, void *data)
{
	const struct names *n = data;
	const cJSON *item;

	cJSON_ArrayForEach(item, n->list)
		if (strcmp(json_str_or(item, "name", ""), name) == 0)
			return true;
	return false;
}

/* null: what snapshots.expiry says; a time that is unset: never. */
static int take_expiry(cJSON *args, const cJSON *request, const char *key, const cJSON *config, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);
	const char *expiry = json_str_or(config, "snapshots.expiry", "");
	char text[TIME_TEXT_SIZE];
	time_t when = 0;

	if (v != NULL && !cJSON_IsNull(v)) {
		if (!cJSON_IsString(v) || (strcmp(v->valuestring, TIME_UNSET) != 0 && time_parse(v->valuestring, &when) < 0))
			return error_set(err, ERROR_INVALID, "'%s' must be a time as 2026-11-22T09:30:00Z", key);
		json_set_str(args, key, v->valuestring);
		return 0;
	}
	if (expiry[0] == '\0')
		return 0;
	if (expiry_after(expiry, time(NULL), &when, err) < 0)
		return -1;
	time_rfc3339((struct timespec){ .tv_sec = when }, text);
	json_set_str(args, key, text);
	return 0;
}

/* Both new: the list of snapshots and the volume's configuration. */
static char *choose_name(const cJSON *list, const cJSON *config, const cJSON *request, struct error *err)
{
	const char *name = json_str_or(request, "name", "");
	struct names names = { .list = list };
	char *chosen;

	if (name[0] != '\0') {
		if (custom_name_check_snapshot(name, err) < 0)
			return NULL;
		if (!name_taken(name, &names))
			return mem_strdup(name);
		error_set(err, ERROR_CONFLICT, "Snapshot \"%s\" already in use", name);
		return NULL;
	}
	/* as in LXD the pattern is for what the clock makes */
	chosen = snapshot_pattern_name(request != NULL ? SNAPSHOT_PATTERN_DEFAULT :
						       json_str_or(config, "snapshots.pattern", SNAPSHOT_PATTERN_DEFAULT),
				       time(NULL), name_taken, &names, err);
	if (chosen != NULL && custom_name_check_snapshot(chosen, err) < 0) {
		free(chosen);
		return NULL;
	}
	return chosen;
}

struct op *custom_snapshot_create(struct berthd *b, const char *pool, const char *name, const cJSON *request,
				  struct error *err)
{
	AUTO_JSON cJSON *list = custom_snapshot_list(b, pool, name, err);
	AUTO_JSON cJSON *volume = list != NULL ? custom_read(b, pool, name) : NULL;
	AUTO_FREE char *chosen = NULL;
	cJSON *args;

	if (list == NULL)
		return NULL;
	chosen = choose_name(list, json_obj(volume, "config"), request, err);
	if (chosen == NULL)
		return NULL;
	args = custom_args(pool, name);
	json_set_str(args, "snapshot", chosen);
	if (take_expiry(args, request, "expires_at", json_obj(volume, "config"), err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	return custom_start(b, &custom_snapshot_create_kind, args, err);
}

/* args of a change of a snapshot that is there. */
static cJSON *args_of(struct berthd *b, const char *pool, const char *name, const char *snapshot, struct error *err)
{
	AUTO_JSON cJSON *found = custom_snapshot_get(b, pool, name, snapshot, err);
	cJSON *args;

	if (found == NULL)
		return NULL;
	args = custom_args(pool, name);
	json_set_str(args, "snapshot", snapshot);
	return args;
}

struct op *custom_snapshot_delete(struct berthd *b, const char *pool, const char *name, const char *snapshot,
				  struct error *err)
{
	cJSON *args = args_of(b, pool, name, snapshot, err);

	return args != NULL ? custom_start(b, &custom_snapshot_delete_kind, args, err) : NULL;
}

struct op *custom_snapshot_rename(struct berthd *b, const char *pool, const char *name, const char *snapshot, const char *to,
				  struct error *err)
{
	cJSON *args;

	if (custom_name_check_snapshot(to, err) < 0)
		return NULL;
	args = args_of(b, pool, name, snapshot, err);
	if (args == NULL)
		return NULL;
	json_set_str(args, "to", to);
	return custom_start(b, &custom_snapshot_rename_kind, args, err);
}

struct op *custom_restore(struct berthd *b, const char *pool, const char *name, const char *snapshot, struct error *err)
{
	cJSON *args = args_of(b, pool, name, snapshot, err);

	if (args == NULL && custom_exists(b, pool, name) && err->code == ERROR_NOT_FOUND)
		error_set(err, ERROR_NOT_FOUND, "Snapshot not found"); /* LXD's words, only here */
	return args != NULL ? custom_start(b, &custom_restore_kind, args, err) : NULL;
}

int custom_snapshot_update(struct berthd *b, const char *pool, const char *name, const char *snapshot, const cJSON *change,
			   bool patch, struct error *err)
{
	AUTO_JSON cJSON *v = custom_snapshot_get(b, pool, name, snapshot, err);
	AUTO_FREE char *meta = NULL;
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *file = NULL;

	if (v != NULL && !patch)
		json_set_str(v, "expires_at", TIME_UNSET); /* unless it says another */
	if (v == NULL || take_expiry(v, change, "expires_at", NULL, err) < 0 || custom_check_idle(b, pool, name, err) < 0)
		return -1;
	if (json_str(change, "description") != NULL || !patch)
		json_set_str(v, "description", json_str_or(change, "description", ""));
	meta = custom_meta(b, pool, name);
	dir = custom_snapshot_folder(meta, snapshot);
	file = fs_join(dir, CUSTOM_SNAPSHOT_FILE);
	return json_write_file(file, v, JSON_DURABLE, err);
}
