/* SPDX-License-Identifier: MIT */
/*
 * A volume is brought up to date with another: its data becomes the other's, and so do its snapshots, of which those that
 * both have (by name and time of creation) stay. All that is new is made in ..new.MARK/; then each thing changes places
 * with what it replaces, by renames that tell whether they were done, and what was replaced goes with the folder.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "pool/custom_work.h"

static const char *arg(const struct custom_work *w, const char *key)
{
	return json_str_or(w->args, key, "");
}

/* ---- check */

static bool has(const cJSON *list, const cJSON *snapshot)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (strcmp(json_str_or(item, "name", ""), json_str_or(snapshot, "name", "")) == 0)
			return strcmp(json_str_or(item, "created_at", ""), json_str_or(snapshot, "created_at", "")) == 0;
	return false;
}

/* Names of those in `from` that `other` has not just so. */
static cJSON *missing(const cJSON *from, const cJSON *other)
{
	cJSON *names = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach(item, from)
		if (!has(other, item))
			cJSON_AddItemToArray(names, cJSON_CreateString(json_str_or(item, "name", "")));
	return names;
}

/* args "fresh": snapshots to copy, "gone": ours to remove. A snapshot as the source has no snapshots, as in LXD. */
static int plan_snapshots(struct custom_work *w, struct error *err)
{
	AUTO_JSON cJSON *own = custom_snapshot_list(w->b, w->pool, w->name, err);
	AUTO_JSON cJSON *theirs = json_str(w->args, "from_snapshot") != NULL ? cJSON_CreateArray() :
					  custom_snapshot_list(w->b, arg(w, "from_pool"), arg(w, "from"), err);

	if (own == NULL || theirs == NULL)
		return -1;
	if (json_bool(w->args, "volume_only", false))
		return 0;
	json_set(w->args, "fresh", missing(theirs, own));
	json_set(w->args, "gone", missing(own, theirs));
	return 0;
}

static int check_source(struct custom_work *w, struct error *err)
{
	AUTO_JSON cJSON *snapshot = NULL;

	if (custom_find(w->b, arg(w, "from_pool"), arg(w, "from"), err) < 0)
		return -1;
	if (json_str(w->args, "from_snapshot") == NULL)
		return 0;
	snapshot = custom_snapshot_get(w->b, arg(w, "from_pool"), arg(w, "from"), arg(w, "from_snapshot"), err);
	return snapshot != NULL ? 0 : -1;
}

int custom_refresh_check(const struct custom_work *w, struct error *err)
{
	AUTO_JSON cJSON *users = NULL;

	if (custom_find(w->b, w->pool, w->name, err) < 0)
		return -1;
	users = custom_users(w->b, w->pool, w->name, true);
	return users->child == NULL ? 0 : error_set(err, ERROR_TOOL, "Cannot refresh custom volume used by running instances");
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	return custom_refresh_check(w, err) < 0 || check_source(w, err) < 0 || plan_snapshots(w, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- build */

static enum op_result step_build(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = fs_join(w->temp, "data");

	if (custom_make_temp(w, err) < 0)
		return OP_FAIL;
	custom_add_source(w, data);
	return custom_add_snapshots(w, json_arr(w->args, "fresh"), w->temp, err) < 0 ? OP_FAIL : custom_copy_parts(op, err);
}

/* ---- change places */

/* Has the new one of that name been put there already? Then what is there is no old one. */
static bool is_new(const struct custom_work *w, const char *name)
{
	AUTO_FREE char *from = custom_snapshot_folder(w->temp, name);
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(w->args, "fresh"))
		if (strcmp(item->valuestring, name) == 0)
			return !fs_exists(from);
	return false;
}

static int swap_snapshots(const struct custom_work *w, struct error *err)
{
	AUTO_FREE char *own = fs_join(w->meta, "snapshots");
	AUTO_FREE char *old = fs_join(w->temp, "gone");
	const cJSON *name;

	if (mkdir(old, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", old);
	cJSON_ArrayForEach(name, json_arr(w->args, "gone")) {
		AUTO_FREE char *file = custom_name_to_file(name->valuestring);
		AUTO_FREE char *from = fs_join(own, file), *to = fs_join(old, file);

		if (!is_new(w, name->valuestring) && !fs_exists(to) && custom_move_if_there(from, to, err) < 0)
			return -1;
	}
	if (cJSON_GetArraySize(json_arr(w->args, "fresh")) > 0 && fs_mkdirs(own, 0700, err) < 0)
		return -1;
	cJSON_ArrayForEach(name, json_arr(w->args, "fresh")) {
		AUTO_FREE char *from = custom_snapshot_folder(w->temp, name->valuestring);
		AUTO_FREE char *to = custom_snapshot_folder(w->meta, name->valuestring);

		if (custom_move_if_there(from, to, err) < 0)
			return -1;
	}
	return fs_exists(own) ? fs_sync_dir(own, err) : 0;
}

/* Without the folder of what is new, nothing is left to do: berthd was killed in the last step. */
enum op_result step_custom_swap_snapshots(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	if (!fs_exists(w->temp))
		return OP_DONE;
	return swap_snapshots(w, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step refresh_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "build", step_build, step_custom_untemp, 6 * 3600, 0 },
	{ "limit", step_custom_limit, NULL, 0, 0 },
	{ "swap", step_custom_swap, NULL, 0, OP_COMMIT },
	{ "snapshots", step_custom_swap_snapshots, NULL, 0, 0 },
	{ "sweep", step_custom_untemp, NULL, 3600, 0 },
	{ 0 },
};

const struct op_kind custom_refresh_kind = {
	.name = "custom-refresh",
	.description = "Copying storage volume",
	.steps = refresh_steps,
	.load = custom_load,
	.unload = custom_unload,
};
