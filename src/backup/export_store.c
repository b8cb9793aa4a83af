/* SPDX-License-Identifier: MIT */
/* What lies in backup_path/exports, read anew each time; its end, and its other names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/export.h"
#include "backup/export_private.h"
#include "backup/volume_export.h"
#include "backup/volume_import.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/work.h"
#include "model/settings.h"

#define EXPORTS "exports"

char *export_dir(const struct berthd *b, const char *uuid, const char *name)
{
	return mem_printf("%s/" EXPORTS "/%s/%s", b->settings->backup_path, uuid, name);
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

static int delete_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	const char *uuid = json_str_or(w->args, "uuid", "-"), *name = json_str_or(w->args, "export", "-");
	AUTO_FREE char *shelf = export_dir(w->b, uuid, "");
	AUTO_FREE char *hidden = mem_printf(".gone-%s", name);
	AUTO_FREE char *gone = fs_join(shelf, hidden);

	return export_shelf_remove(shelf, name, gone, err);
}

static enum op_result step_delete(struct op *op, struct error *err)
{
	return op_thread(op, delete_fn, op_data(op), err);
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

static const struct op_step delete_steps[] = { { "delete", step_delete, NULL, 3600, OP_COMMIT }, { 0 } };
static const struct op_step rename_steps[] = { { "rename", step_rename, NULL, 60, 0 }, { 0 } };

static const struct op_kind delete_kind = {
	.name = "export-delete",
	.description = "Removing instance backup",
	.steps = delete_steps,
	.load = change_load,
	.unload = work_unload,
	.frees = true,
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

/* ---- what nobody wants any more */

/* *ret_unsure: one that cannot be understood may be the owner. */
static struct instance *owner_of(struct berthd *b, const char *uuid, bool *ret_unsure)
{
	const char **names = registry_names(b->registry);
	struct instance *found = NULL;

	*ret_unsure = false;
	for (const char **n = names; *n != NULL && found == NULL; n++) {
		struct instance *inst = registry_get(b->registry, *n);

		*ret_unsure |= inst->note != NULL;
		if (strcmp(export_uuid(inst), uuid) == 0)
			found = inst;
	}
	free(names);
	return found;
}

static void sweep_one(struct berthd *b, const char *uuid)
{
	bool unsure;
	const struct instance *inst = owner_of(b, uuid, &unsure);
	AUTO_FREE char *dir = export_dir(b, uuid, "");
	AUTO_JSON cJSON *list = NULL;
	struct error err = ERROR_INIT;
	const cJSON *v;

	if (inst == NULL) {
		if (!unsure && fs_remove_tree(dir, &err) < 0)
			log_warning("%s", err.msg);
		return;
	}
	list = export_shelf_list(dir);
	cJSON_ArrayForEach(v, list)
		if (export_has_expired(v) && export_delete(b, inst, json_str_or(v, "name", ""), &err) == NULL)
			log_warning("expired backup of '%s': %s", inst->name, err.msg);
}

void export_sweep(struct berthd *b)
{
	AUTO_FREE char *top = fs_join(b->settings->backup_path, EXPORTS);
	DIR *dir = opendir(top);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			sweep_one(b, d->d_name);
	if (dir != NULL)
		closedir(dir);
}

void export_register(struct op_queue *q)
{
	op_queue_register(q, &export_kind);
	op_queue_register(q, &delete_kind);
	volume_export_register(q);
	volume_import_register(q);
}
