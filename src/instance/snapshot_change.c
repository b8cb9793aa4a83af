/* SPDX-License-Identifier: MIT */
/* Removing, renaming, and the time a snapshot ends at. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/snapshot_work.h"
#include "model/snapshot_pattern.h"
#include "pool/tree.h"

#define GONE ".gone-"

static struct op *start(struct berthd *b, const struct op_kind *kind, const char *name, const char *snapshot,
			cJSON *args, struct error *err)
{
	json_set_str(args, "name", name);
	json_set_str(args, "snapshot", snapshot);
	return snapshot_start(b, kind, args, err);
}

static const cJSON *find(struct berthd *b, const char *name, const char *snapshot, struct error *err)
{
	struct instance *inst = snapshot_instance(b, name, err);

	return inst != NULL ? snapshot_find(b, inst, snapshot, err) : NULL;
}

static void changed(const struct work *w)
{
	struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst != NULL)
		snapshot_changed(inst);
}

/* ---- delete: out of sight by one rename, then the files */

static enum op_result step_check_delete(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *snapshot = find(w->b, w->name, snapshot_name_of(w), err);
	char mark[UUID_TEXT_SIZE];

	if (snapshot == NULL)
		return OP_FAIL;
	ident_uuid(mark);
	json_set_str(op_args(op), "mark", mark);
	json_set_str(op_args(op), "fingerprint", instance_image(snapshot));
	return OP_DONE;
}

static enum op_result step_hide(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *gone = mem_printf("%s/" GONE "%s", parent, json_str_or(w->args, "mark", "-"));

	/* finished by the next start, when another snapshot may have the name: ours is hidden already then */
	if (fs_exists(gone))
		return OP_DONE;
	if (rename(dir, gone) < 0 && errno != ENOENT) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", dir, gone);
		return OP_FAIL;
	}
	changed(w);
	return OP_DONE;
}

static enum op_result step_unhide(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *gone = mem_printf("%s/" GONE "%s", parent, json_str_or(w->args, "mark", "-"));

	if (rename(gone, dir) < 0 && errno != ENOENT) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", gone, dir);
		return OP_FAIL;
	}
	changed(w);
	return OP_DONE;
}

/* Also what an earlier deletion could not remove. */
static int remove_hidden(void *arg, struct error *err)
{
	const char *parent = ((const struct work *)arg)->doomed;
	DIR *dir = opendir(parent);
	struct dirent *d;
	int rc = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot read '%s'", parent);
	while (rc == 0 && (d = readdir(dir)) != NULL) {
		AUTO_FREE char *path = fs_join(parent, d->d_name);

		if (strncmp(d->d_name, GONE, sizeof(GONE) - 1) == 0)
			rc = pool_remove(path, err);
	}
	closedir(dir);
	if (rc == 0)
		(void)rmdir(parent); /* of the last snapshot */
	return rc;
}

static enum op_result step_remove(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	free(w->doomed);
	w->doomed = snapshot_parent(w->b, w->name);
	return op_thread(op, remove_hidden, w, err);
}

static enum op_result step_release(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	changed(w);
	image_release(w->b->images, json_str(w->args, "fingerprint"));
	return OP_DONE;
}

static const struct op_step delete_steps[] = {
	{ "check", step_check_delete, NULL, 0, 0 },
	{ "hide", step_hide, step_unhide, 0, OP_COMMIT },
	{ "remove", step_remove, NULL, 3600, OP_LAZY }, /* recorded: "hide" again would take the next one of that name */
	{ "release", step_release, NULL, 0, OP_UNRECORDED },
	{ 0 },
};

const struct op_kind snapshot_delete_kind = {
	.name = "snapshot-delete",
	.description = "Deleting snapshot",
	.steps = delete_steps,
	.load = work_load,
	.unload = work_unload,
	.frees = true,
	.retries = true,
};

struct op *snapshot_delete(struct berthd *b, const char *name, const char *snapshot, struct error *err)
{
	if (find(b, name, snapshot, err) == NULL)
		return NULL;
	return start(b, &snapshot_delete_kind, name, snapshot, cJSON_CreateObject(), err);
}

/* ---- rename */

static enum op_result step_rename(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const char *to = json_str_or(w->args, "to", "");
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);
	AUTO_FREE char *old_dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *new_dir = snapshot_dir(w->b, w->name, to);

	if (find(w->b, w->name, snapshot_name_of(w), err) == NULL)
		return OP_FAIL;
	if (fs_exists(new_dir)) {
		error_set(err, ERROR_CONFLICT, "Snapshot \"%s/%s\" already exists", w->name, to);
		return OP_FAIL;
	}
	if (rename(old_dir, new_dir) < 0) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", old_dir, new_dir);
		return OP_FAIL;
	}
	json_set_bool(w->args, "renamed", true);
	changed(w);
	return fs_sync_dir(parent, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unrename(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *old_dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *new_dir = snapshot_dir(w->b, w->name, json_str_or(w->args, "to", ""));

	if (!json_bool(w->args, "renamed", false))
		return OP_DONE;
	if (rename(new_dir, old_dir) < 0 && errno != ENOENT) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", new_dir, old_dir);
		return OP_FAIL;
	}
	changed(w);
	return OP_DONE;
}

static const struct op_step rename_steps[] = { { "rename", step_rename, step_unrename, 0, 0 }, { 0 } };

const struct op_kind snapshot_rename_kind = {
	.name = "snapshot-rename",
	.description = "Renaming snapshot",
	.steps = rename_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true, /* one rename(2) */
};

struct op *snapshot_rename(struct berthd *b, const char *name, const char *snapshot, const char *to, struct error *err)
{
	AUTO_FREE char *new_dir = NULL;
	cJSON *args;

	if (find(b, name, snapshot, err) == NULL || name_validate_snapshot(to, err) < 0)
		return NULL;
	new_dir = snapshot_dir(b, name, to);
	if (fs_exists(new_dir)) {
		error_set(err, ERROR_CONFLICT, "Name '%s/%s' already in use", name, to);
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "to", to);
	return start(b, &snapshot_rename_kind, name, snapshot, args, err);
}

/* ---- update */

static int put_expiry(const struct work *w, const char *expires, enum json_write how, struct error *err)
{
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *path = fs_join(dir, DESIRED_FILE);
	AUTO_JSON cJSON *v = json_read_file(path, err);

	if (v == NULL)
		return -1;
	if (json_str(w->args, "was") == NULL)
		json_set_str(w->args, "was", json_str_or(v, "expires_at", TIME_UNSET));
	json_set_str(v, "expires_at", expires);
	if (json_write_file(path, v, how, err) < 0)
		return -1;
	changed(w);
	return 0;
}

static enum op_result step_update(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (find(w->b, w->name, snapshot_name_of(w), err) == NULL)
		return OP_FAIL;
	return put_expiry(w, json_str_or(w->args, "expires_at", TIME_UNSET), JSON_DURABLE, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unupdate(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const char *was = json_str(w->args, "was");

	return was != NULL && put_expiry(w, was, JSON_QUICK, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step update_steps[] = { { "update", step_update, step_unupdate, 0, 0 }, { 0 } };

const struct op_kind snapshot_update_kind = {
	.name = "snapshot-update",
	.description = "Updating snapshot",
	.steps = update_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true, /* one file */
};

static int take_expiry(const cJSON *change, bool patch, const char *old, cJSON *args, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(change, "expires_at");
	struct timespec when = { 0 };
	char text[TIME_TEXT_SIZE] = TIME_UNSET;

	if (v == NULL || cJSON_IsNull(v)) {
		json_set_str(args, "expires_at", patch ? old : TIME_UNSET);
		return 0;
	}
	if (!cJSON_IsString(v) || time_parse(v->valuestring, &when.tv_sec) < 0)
		return error_set(err, ERROR_INVALID, "expires_at '%.40s' is no RFC 3339 time such as 2026-12-31T00:00:00Z",
				 cJSON_IsString(v) ? v->valuestring : "");
	if (when.tv_sec > 0)
		time_rfc3339(when, text);
	json_set_str(args, "expires_at", text);
	return 0;
}

struct op *snapshot_update(struct berthd *b, const char *name, const char *snapshot, const cJSON *change, bool patch,
			   struct error *err)
{
	const cJSON *old = find(b, name, snapshot, err);
	cJSON *args;

	if (old == NULL)
		return NULL;
	args = cJSON_CreateObject();
	if (take_expiry(change, patch, json_str_or(old, "expires_at", TIME_UNSET), args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	return start(b, &snapshot_update_kind, name, snapshot, args, err);
}

void snapshot_register(struct op_queue *q)
{
	op_queue_register(q, &snapshot_create_kind);
	op_queue_register(q, &snapshot_delete_kind);
	op_queue_register(q, &snapshot_restore_kind);
}
