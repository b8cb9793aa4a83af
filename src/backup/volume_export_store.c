/* SPDX-License-Identifier: MIT */
/* What lies in a volume's backups/, read anew each time; its end, and its other names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backup/export_private.h"
#include "backup/volume_export.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/custom_work.h"

#define SHELF "backups"

static const char missing[] = "Storage volume backup not found";

char *volume_export_dir(const struct berthd *b, const char *pool, const char *volume, const char *name)
{
	AUTO_FREE char *meta = custom_meta(b, pool, volume);

	return mem_printf("%s/" SHELF "/%s", meta, name);
}

/* NULL with err when there is no such volume. */
static char *shelf_of(const struct berthd *b, const char *pool, const char *volume, struct error *err)
{
	return custom_find(b, pool, volume, err) == 0 ? volume_export_dir(b, pool, volume, "") : NULL;
}

cJSON *volume_export_list(const struct berthd *b, const char *pool, const char *volume, struct error *err)
{
	AUTO_FREE char *shelf = shelf_of(b, pool, volume, err);

	return shelf != NULL ? export_shelf_list(shelf) : NULL;
}

cJSON *volume_export_get(const struct berthd *b, const char *pool, const char *volume, const char *name, struct error *err)
{
	AUTO_FREE char *shelf = shelf_of(b, pool, volume, err);

	return shelf != NULL ? export_shelf_get(shelf, name, missing, err) : NULL;
}

int volume_export_open(const struct berthd *b, const char *pool, const char *volume, const char *name, struct error *err)
{
	AUTO_FREE char *shelf = shelf_of(b, pool, volume, err);

	return shelf != NULL ? export_shelf_open(shelf, name, missing, err) : -1;
}

/* ---- delete and rename: args export, another */

/* What it is called while it goes is the operation's own name: nothing else is ever removed. */
static enum op_result step_hide(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);
	AUTO_FREE char *shelf = fs_join(w->meta, SHELF);

	return export_shelf_hide(shelf, json_str_or(w->args, "export", "-"), w->temp, err);
}

static int delete_fn(void *data, struct error *err)
{
	const struct custom_work *w = data;
	AUTO_FREE char *shelf = fs_join(w->meta, SHELF);

	if (fs_remove_tree(w->temp, err) < 0)
		return -1;
	(void)rmdir(shelf); /* of the last one */
	return 0;
}

static enum op_result step_delete(struct op *op, struct error *err)
{
	return op_thread(op, delete_fn, op_data(op), err);
}

static enum op_result step_rename(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);
	AUTO_FREE char *shelf = fs_join(w->meta, SHELF);

	return export_shelf_rename(shelf, json_str_or(w->args, "export", "-"), json_str_or(w->args, "another", "-"), w->name, err);
}

static void *change_load(void *ctx, cJSON *args, struct error *err)
{
	static const char *const keys[] = { "export", "another" };

	for (size_t i = 0; i < 2; i++)
		if (json_str(args, keys[i]) != NULL && export_name_check(json_str(args, keys[i]), err) < 0)
			return NULL;
	return custom_load(ctx, args, err);
}

static const struct op_step delete_steps[] = {
	{ "hide", step_hide, NULL, 0, OP_COMMIT },
	{ "delete", step_delete, NULL, 3600, 0 },
	{ 0 },
};
static const struct op_step rename_steps[] = { { "rename", step_rename, NULL, 60, 0 }, { 0 } };

static const struct op_kind delete_kind = {
	.name = "custom-export-delete",
	.description = "Deleting custom volume backup",
	.steps = delete_steps,
	.load = change_load,
	.unload = custom_unload,
	.frees = true,
	.retries = true,
};

/* One rename(2): there is no half of it. */
static const struct op_kind rename_kind = {
	.name = "custom-export-rename",
	.description = "Renaming custom volume backup",
	.steps = rename_steps,
	.load = change_load,
	.unload = custom_unload,
	.volatile_ = true,
};

struct op *volume_export_start(struct berthd *b, const struct op_kind *kind, cJSON *args, cJSON *resources, struct error *err)
{
	AUTO_ARGV struct argv locks = ARGV_INIT;
	struct op_options options = { .resources = resources };

	custom_locks(b, args, &locks);
	options.locks = (const char *const *)locks.v;
	return op_start(b->ops, kind, args, &options, err);
}

static struct op *change(struct berthd *b, const struct op_kind *kind, cJSON *args, const char *name, struct error *err)
{
	cJSON *resources = cJSON_CreateObject();

	op_resource(resources, "volume", "/1.0/volume/%s", json_str_or(args, "volume", "")); /* sic: as LXD */
	json_set_str(args, "export", name);
	return volume_export_start(b, kind, args, resources, err);
}

struct op *volume_export_delete(struct berthd *b, const char *pool, const char *volume, const char *name, struct error *err)
{
	AUTO_JSON cJSON *v = volume_export_get(b, pool, volume, name, err);

	return v != NULL ? change(b, &delete_kind, custom_args(pool, volume), name, err) : NULL;
}

struct op *volume_export_rename(struct berthd *b, const char *pool, const char *volume, const char *name, const char *to,
				struct error *err)
{
	AUTO_FREE char *shelf = shelf_of(b, pool, volume, err);
	cJSON *args;

	if (shelf == NULL || export_shelf_can_rename(shelf, name, to, missing, volume, err) < 0)
		return NULL;
	args = custom_args(pool, volume);
	json_set_str(args, "another", to);
	return change(b, &rename_kind, args, name, err);
}

/* ---- what nobody wants any more */

static void sweep_volume(struct berthd *b, const char *pool, const char *volume)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *list = volume_export_list(b, pool, volume, &err);
	const cJSON *v;

	cJSON_ArrayForEach(v, list)
		if (export_has_expired(v) && volume_export_delete(b, pool, volume, json_str_or(v, "name", ""), &err) == NULL)
			log_warning("expired backup of the volume '%s': %s", volume, err.msg);
}

void volume_export_sweep(struct berthd *b)
{
	AUTO_FREE const char **pools = pool_names(b);
	struct error none = ERROR_INIT;
	const cJSON *name;

	for (const char **p = pools; *p != NULL; p++) {
		AUTO_JSON cJSON *names = pool_usable(b, *p, &none) == 0 ? custom_names(b, *p) : NULL;

		cJSON_ArrayForEach(name, names)
			sweep_volume(b, *p, name->valuestring);
	}
}

void volume_export_register(struct op_queue *q)
{
	op_queue_register(q, &volume_export_kind);
	op_queue_register(q, &delete_kind);
}
