/* SPDX-License-Identifier: MIT */
/*
 * A volume's description and configuration. They are one file, which is written at once; a new size is an operation: the
 * tree gets its limit, which may take as long as there are files, then the file is written. Until it is, all is undone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "pool/custom_work.h"

/* volume.json as it will be. */
static cJSON *changed(const cJSON *old, const cJSON *change, bool patch)
{
	static const char *const kept[] = { NULL };
	cJSON *v = cJSON_Duplicate(old, true);

	json_set(v, "config", pool_config_change(json_obj(old, "config"), cJSON_GetObjectItemCaseSensitive(change, "config"), patch,
						 kept));
	if (json_str(change, "description") != NULL || !patch)
		json_set_str(v, "description", json_str_or(change, "description", ""));
	return v;
}

static const char *size_of(const cJSON *volume)
{
	return json_str_or(json_obj(volume, "config"), "size", "");
}

/* ---- the operation: args "change", "patch"; "old" and "new", which are noted when its turn has come */

static enum op_result step_check(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	if (custom_find(w->b, w->pool, w->name, err) < 0)
		return OP_FAIL;
	json_set(w->args, "old", custom_read(w->b, w->pool, w->name));
	json_set(w->args, "new", changed(json_obj(w->args, "old"), json_obj(w->args, "change"), json_bool(w->args, "patch", false)));
	return OP_DONE;
}

static enum op_result limit(struct op *op, const char *key, struct error *err)
{
	struct custom_work *w = op_data(op);

	if (strcmp(size_of(json_obj(w->args, "old")), size_of(json_obj(w->args, "new"))) == 0)
		return OP_DONE;
	return custom_limit(op, w->path, json_obj(json_obj(w->args, key), "config"), err);
}

static enum op_result step_limit(struct op *op, struct error *err)
{
	return limit(op, "new", err);
}

static enum op_result step_unlimit(struct op *op, struct error *err)
{
	return limit(op, "old", err);
}

static enum op_result step_write(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);

	return custom_write(w->meta, json_obj(w->args, "new"), err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step update_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "limit", step_limit, step_unlimit, 3600, 0 },
	{ "write", step_write, NULL, 0, OP_COMMIT },
	{ 0 },
};

const struct op_kind custom_update_kind = {
	.name = "custom-update",
	.description = "Updating storage volume",
	.steps = update_steps,
	.load = custom_load,
	.unload = custom_unload,
};

/* ---- the request */

static struct op *start(struct berthd *b, const char *pool, const char *name, const cJSON *change, bool patch,
			struct error *err)
{
	cJSON *args = custom_args(pool, name);

	json_set(args, "change", cJSON_Duplicate(change, true));
	json_set_bool(args, "patch", patch);
	return custom_start(b, &custom_update_kind, args, err);
}

int custom_update(struct berthd *b, const char *pool, const char *name, const cJSON *change, bool patch, struct op **ret_op,
		  struct error *err)
{
	AUTO_JSON cJSON *old = NULL;
	AUTO_JSON cJSON *new = NULL;
	AUTO_FREE char *meta = NULL;

	*ret_op = NULL;
	if (custom_find(b, pool, name, err) < 0 ||
	    custom_config_check(b, pool, name, cJSON_GetObjectItemCaseSensitive(change, "config"), err) < 0 ||
	    custom_check_idle(b, pool, name, err) < 0)
		return -1;
	old = custom_read(b, pool, name);
	new = changed(old, change, patch);
	if (custom_config_check(b, pool, name, json_obj(new, "config"), err) < 0) /* what only PATCH puts together */
		return -1;
	if (strcmp(size_of(old), size_of(new)) != 0) {
		*ret_op = start(b, pool, name, change, patch, err);
		return *ret_op != NULL ? 0 : -1;
	}
	meta = custom_meta(b, pool, name);
	return custom_write(meta, new, err);
}
