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

int export_name_check(const char *name, struct error *err)
{
	size_t len = strlen(name);

	if (strchr(name, '/') != NULL)
		return error_set(err, ERROR_INVALID, "Backup names may not contain slashes");
	if (len == 0 || len > 200 || name[0] == '.')
		return error_set(err, ERROR_INVALID, "Invalid backup name '%.64s': 1 to 200 bytes, the first no '.'", name);
	for (; *name != '\0'; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return error_set(err, ERROR_INVALID, "Invalid backup name: it holds control characters");
	return 0;
}

/* ---- the list */

static cJSON *read_one(const char *parent, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/%s/" EXPORT_NOTE, parent, name);
	struct error err = ERROR_INIT;
	cJSON *v = fs_exists(path) ? json_read_file(path, &err) : NULL;

	if (v != NULL && (json_str(v, "created_at") == NULL || json_str(v, "expires_at") == NULL)) {
		cJSON_Delete(v);
		return NULL;
	}
	if (v != NULL)
		json_set_str(v, "name", name);
	return v;
}

/* Oldest first. */
static void insert(cJSON *list, cJSON *v)
{
	int i = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		if (strcmp(json_str_or(item, "created_at", ""), json_str_or(v, "created_at", "")) > 0)
			break;
		i++;
	}
	cJSON_InsertItemInArray(list, i, v);
}

cJSON *export_list_in(const char *parent)
{
	cJSON *list = cJSON_CreateArray(), *v;
	DIR *dir = opendir(parent);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && (v = read_one(parent, d->d_name)) != NULL)
			insert(list, v);
	if (dir != NULL)
		closedir(dir);
	return list;
}

cJSON *export_list(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *parent = export_dir(b, export_uuid(inst), "");

	return export_uuid(inst)[0] != '\0' ? export_list_in(parent) : cJSON_CreateArray();
}

cJSON *export_get(const struct berthd *b, const struct instance *inst, const char *name, struct error *err)
{
	AUTO_FREE char *parent = export_dir(b, export_uuid(inst), "");
	struct error bad = ERROR_INIT;
	cJSON *v = NULL;

	if (export_name_check(name, &bad) == 0 && export_uuid(inst)[0] != '\0')
		v = read_one(parent, name);
	if (v == NULL)
		error_set(err, ERROR_NOT_FOUND, "Load backup from database: Instance backup not found");
	return v;
}

int export_open(const struct berthd *b, const struct instance *inst, const char *name, struct error *err)
{
	AUTO_JSON cJSON *v = export_get(b, inst, name, err);
	AUTO_FREE char *dir = export_dir(b, export_uuid(inst), name);
	AUTO_FREE char *path = fs_join(dir, EXPORT_ARCHIVE);
	int fd;

	if (v == NULL)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot open '%s'", path) : fd;
}

/* ---- delete and rename: args name, uuid, export, to */

static char *dir_of(const struct work *w, const char *key, const char *prefix)
{
	AUTO_FREE char *name = mem_printf("%s%s", prefix, json_str_or(w->args, key, "-"));

	return export_dir(w->b, json_str_or(w->args, "uuid", "-"), name);
}

int export_remove_fn(void *path_taken, struct error *err)
{
	AUTO_FREE char *path = path_taken;
	AUTO_FREE char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	if (fs_remove_tree(path, err) < 0)
		return -1;
	(void)rmdir(parent); /* of the last one */
	return 0;
}

/* What a removal that failed has left has the name that this one is to get. */
static int delete_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	AUTO_FREE char *dir = dir_of(w, "export", "");
	AUTO_FREE char *gone = dir_of(w, "export", ".gone-");

	if (fs_remove_tree(gone, err) < 0)
		return -1;
	if (rename(dir, gone) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", dir);
	return export_remove_fn(mem_strdup(gone), err);
}

static enum op_result step_delete(struct op *op, struct error *err)
{
	return op_thread(op, delete_fn, op_data(op), err);
}

static enum op_result step_rename(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	AUTO_FREE char *from = dir_of(w, "export", "");
	AUTO_FREE char *to = dir_of(w, "to", "");

	if (fs_exists(to))
		error_set(err, ERROR_CONFLICT, "Backup \"%s/%s\" already exists", w->name, json_str_or(w->args, "to", ""));
	else if (rename(from, to) < 0)
		error_sys(err, errno, "cannot rename '%s' to '%s'", from, to);
	else
		return OP_DONE;
	return OP_FAIL;
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
	AUTO_FREE char *odd = mem_printf("/1.0/container/%s", inst->name); /* sic: so does LXD for a deletion */
	AUTO_FREE char *containers = mem_printf("/1.0/containers/%s", inst->name);
	AUTO_FREE char *instances = mem_printf("/1.0/instances/%s", inst->name);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };
	cJSON *args = cJSON_CreateObject();

	if (to == NULL) {
		cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "container"), cJSON_CreateString(odd));
	} else {
		cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "containers"), cJSON_CreateString(containers));
		cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "instances"), cJSON_CreateString(instances));
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
	AUTO_JSON cJSON *v = export_get(b, inst, name, err);
	AUTO_JSON cJSON *other = NULL;
	struct error none = ERROR_INIT;

	if (v == NULL || export_name_check(to, err) < 0)
		return NULL;
	other = export_get(b, inst, to, &none);
	if (other != NULL) {
		error_set(err, ERROR_CONFLICT, "Backup \"%s/%s\" already exists", inst->name, to);
		return NULL;
	}
	return start(b, &rename_kind, inst, name, to, err);
}

/* ---- what nobody wants any more */

bool export_has_expired(const cJSON *v)
{
	time_t when;

	return time_parse(json_str_or(v, "expires_at", ""), &when) == 0 && when > 0 && when < time(NULL);
}

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
	list = export_list_in(dir);
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
	export_create_register(q);
	op_queue_register(q, &delete_kind);
	volume_export_register(q);
	volume_import_register(q);
}
