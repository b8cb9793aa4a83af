/* SPDX-License-Identifier: MIT */
/* What lies in backup_path/exports, read anew each time; its end, and its other names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/export.h"
#include "backup/export_private.h"
#include "backup/volume_export.h"
#include "backup/volume_import.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/work.h"
#include "model/settings.h"

char *export_dir(const struct berthd *b, const char *uuid, const char *name)
{
	return mem_printf("%s/" EXPORTS_DIR "/%s/%s", b->settings->backup_path, uuid, name);
}

const char *export_uuid(const struct instance *inst)
{
	return json_str_or(json_obj(inst->desired, "config"), "volatile.uuid", "");
}

/* ---- the list */

static const char missing[] = "Load backup from database: Instance backup not found";

/* Of one without a UUID, a shelf that is never there. */
static char *shelf_of(const struct berthd *b, const struct instance *inst)
{
	const char *uuid = export_uuid(inst);

	return export_dir(b, uuid[0] != '\0' ? uuid : "-", "");
}

cJSON *export_list(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *shelf = shelf_of(b, inst);

	return export_shelf_list(shelf);
}

cJSON *export_get(const struct berthd *b, const struct instance *inst, const char *name, struct error *err)
{
	AUTO_FREE char *shelf = shelf_of(b, inst);

	return export_shelf_get(shelf, name, missing, err);
}

int export_open(const struct berthd *b, const struct instance *inst, const char *name, struct error *err)
{
	AUTO_FREE char *shelf = shelf_of(b, inst);

	return export_shelf_open(shelf, name, missing, err);
}

/* ---- delete and rename: args name, uuid, export, to */

/* What it is called while it goes: what a removal that failed has left is, too. */
static char *gone_of(const struct work *w)
{
	AUTO_FREE char *hidden = mem_printf(".gone-%s", json_str_or(w->args, "export", "-"));

	return export_dir(w->b, json_str_or(w->args, "uuid", "-"), hidden);
}

static int remove_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	AUTO_FREE char *shelf = export_dir(w->b, json_str_or(w->args, "uuid", "-"), ""), *gone = gone_of(w);

	return export_shelf_clear(shelf, gone, err);
}

static enum op_result step_remove(struct op *op, struct error *err)
{
	return op_thread(op, remove_fn, op_data(op), err);
}

static enum op_result step_clear(struct op *op, struct error *err)
{
	AUTO_FREE char *gone = gone_of(op_data(op));

	return fs_exists(gone) ? step_remove(op, err) : OP_DONE;
}

static enum op_result step_hide(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	AUTO_FREE char *shelf = export_dir(w->b, json_str_or(w->args, "uuid", "-"), ""), *gone = gone_of(w);

	return export_shelf_hide(shelf, json_str_or(w->args, "export", "-"), gone, err);
}

static enum op_result step_rename(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	AUTO_FREE char *shelf = export_dir(w->b, json_str_or(w->args, "uuid", "-"), "");

	return export_shelf_rename(shelf, json_str_or(w->args, "export", "-"), json_str_or(w->args, "to", "-"), w->name, err);
}

static void *change_load(void *ctx, cJSON *args, struct error *err)
{
	static const char *const keys[] = { "uuid", "export", "to" };

	for (size_t i = 0; i < 3; i++)
		if (json_str(args, keys[i]) != NULL && export_name_check(json_str(args, keys[i]), err) < 0)
			return NULL;
	return work_load(ctx, args, err);
}

static const struct op_step delete_steps[] = {
	{ "clear", step_clear, NULL, 3600, 0 },
	{ "hide", step_hide, NULL, 0, OP_COMMIT },
	{ "delete", step_remove, NULL, 3600, 0 },
	{ 0 },
};
static const struct op_step rename_steps[] = { { "rename", step_rename, NULL, 60, 0 }, { 0 } };

static const struct op_kind delete_kind = {
	.name = "export-delete",
	.description = "Removing instance backup",
	.steps = delete_steps,
	.load = change_load,
	.unload = work_unload,
	.frees = true,
	.retries = true,
};

/* One rename(2): there is no half of it. */
static const struct op_kind rename_kind = {
	.name = "export-rename",
	.description = "Renaming instance backup",
	.steps = rename_steps,
	.load = change_load,
	.unload = work_unload,
	.volatile_ = true,
};

static struct op *start(struct berthd *b, const struct op_kind *kind, const struct instance *inst, const char *name,
			const char *to, struct error *err)
{
	AUTO_FREE char *lock = mem_printf("export/%s/%s", export_uuid(inst), name);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };
	cJSON *args = cJSON_CreateObject();

	if (to == NULL) {
		op_resource(options.resources, "container", "/1.0/container/%s", inst->name); /* sic: so does LXD for a deletion */
	} else {
		op_resource(options.resources, "containers", "/1.0/containers/%s", inst->name);
		op_resource(options.resources, "instances", "/1.0/instances/%s", inst->name);
	}
	json_set_str(args, "name", inst->name);
	json_set_str(args, "uuid", export_uuid(inst));
	json_set_str(args, "export", name);
	json_set_str(args, "to", to);
	return op_start(b->ops, kind, args, &options, err);
}

struct op *export_delete(struct berthd *b, const struct instance *inst, const char *name, struct error *err)
{
	AUTO_JSON cJSON *v = export_get(b, inst, name, err);

	return v != NULL ? start(b, &delete_kind, inst, name, NULL, err) : NULL;
}

struct op *export_rename(struct berthd *b, const struct instance *inst, const char *name, const char *to, struct error *err)
{
	AUTO_FREE char *shelf = shelf_of(b, inst);

	if (export_shelf_can_rename(shelf, name, to, missing, inst->name, err) < 0)
		return NULL;
	return start(b, &rename_kind, inst, name, to, err);
}

void export_register(struct op_queue *q)
{
	op_queue_register(q, &export_kind);
	op_queue_register(q, &delete_kind);
	volume_export_register(q);
	volume_import_register(q);
}
