/* SPDX-License-Identifier: MIT */
/*
 * The operations that make, copy, rename and delete custom volumes. A new one is made whole in ..new.MARK/, then its two
 * parts are renamed to their places, the data last; a deleted one goes the same way back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/work.h"
#include "pool/custom_work.h"
#include "pool/limit.h"

static const char *arg(const struct custom_work *w, const char *key)
{
	return json_str_or(w->args, key, "");
}

/* ---- create */

static int check_room(struct custom_work *w, struct error *err)
{
	if (pool_usable(w->b, w->pool, err) < 0)
		return -1;
	if (custom_exists(w->b, w->pool, w->name))
		return error_set(err, ERROR_CONFLICT, "Volume by that name already exists");
	if (fs_exists(w->path))
		return error_set(err, ERROR_CONFLICT, "'%s' is in the way: it is no folder", w->path);
	return 0;
}

bool custom_limits(const struct berthd *b, const char *pool)
{
	struct error ignored = ERROR_INIT;

	return limit_possible(b, pool, "", &ignored) == 0;
}

/* The configuration of the source is the copy's where the request says nothing. */
static int take_source_config(struct custom_work *w, struct error *err)
{
	AUTO_JSON cJSON *source = NULL;
	cJSON *config = json_obj(w->args, "config");
	const cJSON *item;

	if (json_str(w->args, "from") == NULL)
		return 0;
	source = json_str(w->args, "from_snapshot") != NULL ?
		custom_snapshot_get(w->b, arg(w, "from_pool"), arg(w, "from"), arg(w, "from_snapshot"), err) :
		custom_get(w->b, arg(w, "from_pool"), arg(w, "from"), err);
	if (source == NULL)
		return -1;
	cJSON_ArrayForEach(item, json_obj(source, "config"))
		if (json_str(config, item->string) == NULL)
			json_set(config, item->string, cJSON_Duplicate(item, true));
	if (!custom_limits(w->b, w->pool))
		json_set(config, "size", NULL); /* which only the source's pool can limit */
	if (arg(w, "description")[0] == '\0')
		json_set_str(w->args, "description", json_str_or(source, "description", ""));
	return 0;
}

/* A move takes the volume away, from those that stand still. */
static int check_move(struct custom_work *w, struct error *err)
{
	return json_bool(w->args, "move", false) ? custom_users_check(w->b, w->args, err) : 0;
}

enum op_result step_custom_check_new(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	return check_room(w, err) < 0 || take_source_config(w, err) < 0 || check_move(w, err) < 0 ? OP_FAIL : OP_DONE;
}

static int own_root(const struct custom_work *w, const char *path, struct error *err)
{
	AUTO_JSON cJSON *config = cJSON_CreateObject();
	uint32_t base, size;

	idmap_of(w->b, config, &base, &size);
	if (w->b->probe->idmapped_mounts)
		base = 0; /* each mount maps them */
	if (lchown(path, base, base) < 0 || chmod(path, 0711) < 0)
		return error_sys(err, errno, "cannot set the owner of '%s'", path);
	return 0;
}

int custom_write_new(const struct custom_work *w, struct error *err)
{
	AUTO_FREE char *meta = fs_join(w->temp, "meta");
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	char now[TIME_TEXT_SIZE];

	time_now(now);
	json_set(v, "config", cJSON_Duplicate(json_obj(w->args, "config"), true));
	json_set_str(v, "description", arg(w, "description"));
	json_set_str(v, "created_at", now);
	return custom_write(meta, v, err);
}

static int add_snapshots(struct custom_work *w, struct error *err)
{
	AUTO_JSON cJSON *list = custom_snapshot_list(w->b, arg(w, "from_pool"), arg(w, "from"), err);
	AUTO_JSON cJSON *names = cJSON_CreateArray();
	AUTO_FREE char *own = fs_join(w->temp, "meta");
	const cJSON *item;

	if (list == NULL)
		return -1;
	cJSON_ArrayForEach(item, list)
		cJSON_AddItemToArray(names, cJSON_CreateString(json_str_or(item, "name", "")));
	return names->child != NULL ? custom_add_snapshots(w, names, own, err) : 0;
}

static enum op_result step_build(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->temp, "data");

	if (custom_make_temp(w, err) < 0 || custom_write_new(w, err) < 0)
		return OP_FAIL;
	if (json_str(w->args, "from") == NULL)
		return pool_tree_create(w->driver, data, err) < 0 || own_root(w, data, err) < 0 ? OP_FAIL : OP_DONE;
	custom_add_source(w, data);
	if (json_str(w->args, "from_snapshot") == NULL && !json_bool(w->args, "volume_only", false) &&
	    add_snapshots(w, err) < 0)
		return OP_FAIL;
	return custom_copy_parts(op, err);
}

enum op_result step_custom_limit_new(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->temp, "data");

	return custom_limit(op, data, json_obj(w->args, "config"), err);
}

/* Idempotent: what has been moved already is not there any more. */
int custom_move_if_there(const char *from, const char *to, struct error *err)
{
	if (rename(from, to) == 0 || errno == ENOENT)
		return 0;
	return error_sys(err, errno, "cannot rename '%s' to '%s'", from, to);
}

enum op_result step_custom_place_new(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->temp, "data"), *meta = fs_join(w->temp, "meta"), *stray = fs_join(w->temp, "stray");

	/* left of one whose folder somebody removed by hand */
	if (fs_exists(data) && fs_exists(meta) && custom_move_if_there(w->meta, stray, err) < 0)
		return OP_FAIL;
	if (custom_move_if_there(meta, w->meta, err) < 0 || custom_move_if_there(data, w->path, err) < 0)
		return OP_FAIL;
	(void)rmdir(w->temp); /* else it is swept */
	return fs_sync_dir(w->at.dir, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- delete, also of a move's source: what goes gets a name of its own first, so that only it is ever removed */

static int hide(const struct custom_place *p, struct error *err)
{
	AUTO_FREE char *data = NULL;
	AUTO_FREE char *notes = NULL;

	if (p->dir == NULL)
		return error_set(err, ERROR_NOT_FOUND, "Storage pool not found");
	if (!fs_exists(p->dir))
		return 0;
	data = fs_join(p->trash, "data");
	notes = fs_join(p->trash, "meta");
	if (mkdir(p->trash, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", p->trash);
	/* the volume itself last: as long as it is there, it can be found */
	if (custom_move_if_there(p->meta, notes, err) < 0 || custom_move_if_there(p->path, data, err) < 0 ||
	    fs_sync_dir(p->dir, err) < 0) {
		(void)rename(data, p->path);
		(void)rename(notes, p->meta);
		(void)rmdir(p->trash);
		return -1;
	}
	return 0;
}

static enum op_result step_take_source(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);

	if (!json_bool(w->args, "move", false))
		return OP_DONE;
	return hide(&w->from, err) < 0 ? OP_FAIL : OP_DONE;
}

/* For threads. The folder of an instance's volumes goes with the last of them. */
static int sweep_fn(void *data, struct error *err)
{
	const struct custom_place *p = data;
	AUTO_FREE char *tree = fs_join(p->trash, "data");

	limit_forget(tree);
	if (pool_remove(p->trash, err) < 0)
		return -1;
	if (p->owned)
		(void)rmdir(p->dir);
	return 0;
}

static enum op_result step_sweep_source(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	return json_bool(w->args, "move", false) && w->from.dir != NULL ? op_thread(op, sweep_fn, &w->from, err) : OP_DONE;
}

static const struct op_step create_steps[] = {
	{ "check", step_custom_check_new, NULL, 0, 0 },
	{ "build", step_build, step_custom_untemp, 6 * 3600, 0 },
	{ "limit", step_custom_limit_new, NULL, 0, 0 },
	{ "users", step_custom_users, step_custom_unusers, 0, OP_UNRECORDED },
	{ "place", step_custom_place_new, NULL, 0, OP_COMMIT },
	{ "render", step_custom_render, NULL, 0, 0 },
	{ "tidy", step_custom_untemp, NULL, 3600, OP_UNRECORDED },
	{ "take", step_take_source, NULL, 0, OP_REPORTS },
	{ "sweep", step_sweep_source, NULL, 3600, 0 },
	{ 0 },
};

const struct op_kind custom_create_kind = {
	.name = "custom-create",
	.description = "Creating storage volume",
	.steps = create_steps,
	.load = custom_load,
	.unload = custom_unload,
	.retries = true,
};

static enum op_result step_check_delete(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_JSON cJSON *users = NULL;

	if (custom_find(w->b, w->pool, w->name, err) < 0)
		return OP_FAIL;
	users = custom_users(w->b, w->pool, w->name, false);
	if (users->child == NULL)
		return OP_DONE;
	error_set(err, ERROR_INVALID, "The storage volume is still in use");
	return OP_FAIL;
}

static enum op_result step_hide(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);

	return hide(&w->at, err) < 0 ? OP_FAIL : OP_DONE;
}

/* Not after a kill: that is finished. */
static enum op_result step_unhide(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->at.trash, "data"), *notes = fs_join(w->at.trash, "meta");

	if (custom_move_if_there(data, w->path, err) < 0 || custom_move_if_there(notes, w->meta, err) < 0)
		return OP_FAIL;
	(void)rmdir(w->at.trash);
	return OP_DONE;
}

static enum op_result step_sweep(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	return op_thread(op, sweep_fn, &w->at, err);
}

static const struct op_step delete_steps[] = {
	{ "check", step_check_delete, NULL, 0, 0 },
	{ "hide", step_hide, step_unhide, 0, OP_COMMIT },
	{ "sweep", step_sweep, NULL, 3600, 0 },
	{ 0 },
};

const struct op_kind custom_delete_kind = {
	.name = "custom-delete",
	.description = "Deleting storage volume",
	.steps = delete_steps,
	.load = custom_load,
	.unload = custom_unload,
	.frees = true,
	.retries = true,
};

/* ---- rename */

static enum op_result step_check_rename(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	if (custom_find(w->b, w->pool, w->name, err) < 0)
		return OP_FAIL;
	if (custom_exists(w->b, w->pool, arg(w, "to"))) {
		error_set(err, ERROR_CONFLICT, "Volume by that name already exists");
		return OP_FAIL;
	}
	return custom_users_check(w->b, w->args, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_rename(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *file = custom_name_to_file(arg(w, "to"));
	AUTO_FREE char *target = fs_join(w->at.dir, file), *target_meta = mem_printf("%s/.%s", w->at.dir, file);

	if (custom_move_if_there(w->meta, target_meta, err) < 0)
		return OP_FAIL;
	if (custom_move_if_there(w->path, target, err) < 0) {
		(void)rename(target_meta, w->meta);
		return OP_FAIL;
	}
	return fs_sync_dir(w->at.dir, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step rename_steps[] = {
	{ "check", step_check_rename, NULL, 0, 0 },
	{ "users", step_custom_users, step_custom_unusers, 0, OP_UNRECORDED },
	{ "rename", step_rename, NULL, 0, OP_COMMIT },
	{ "render", step_custom_render, NULL, 0, 0 },
	{ 0 },
};

const struct op_kind custom_rename_kind = {
	.name = "custom-rename",
	.description = "Renaming storage volume",
	.steps = rename_steps,
	.load = custom_load,
	.unload = custom_unload,
};

void custom_register(struct op_queue *q)
{
	op_queue_register(q, &custom_create_kind);
	op_queue_register(q, &custom_delete_kind);
	op_queue_register(q, &custom_rename_kind);
	op_queue_register(q, &custom_snapshot_create_kind);
	op_queue_register(q, &custom_snapshot_delete_kind);
	op_queue_register(q, &custom_snapshot_rename_kind);
	op_queue_register(q, &custom_restore_kind);
	op_queue_register(q, &custom_refresh_kind);
	op_queue_register(q, &custom_update_kind);
}
