/* SPDX-License-Identifier: MIT */
/* By the clock: the end of exports that have expired, and of those whose instance is gone. */
#include <dirent.h>
#include <stdlib.h>

#include "backup/export.h"
#include "backup/export_private.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "instance/instance.h"
#include "instance/place.h"
#include "model/settings.h"

/* uuid -> struct instance. *ret_unsure: one that cannot be understood, or read now, may own what nobody here does. */
static struct strmap *owners(const struct berthd *b, bool *ret_unsure)
{
	AUTO_FREE const char **names = registry_names(b->registry);
	struct strmap *m = strmap_new(NULL);

	*ret_unsure = place_any_lost(b);
	for (const char **n = names; *n != NULL; n++) {
		struct instance *inst = registry_get(b->registry, *n);

		*ret_unsure |= inst->note != NULL;
		if (export_uuid(inst)[0] != '\0')
			strmap_put(m, export_uuid(inst), inst);
	}
	return m;
}

/* ---- what is left of instances that went: args orphans[], uuids that had no owner when it began */

struct orphans {
	struct berthd *b;
	cJSON *args, *paths;
};

static void *orphans_load(void *ctx, cJSON *args, struct error *err)
{
	struct orphans *o = mem_alloc(sizeof(*o));

	o->b = ctx;
	o->args = args;
	o->paths = cJSON_CreateArray();
	return o;
}

static void orphans_unload(void *data)
{
	struct orphans *o = data;

	if (o != NULL)
		cJSON_Delete(o->paths);
	free(o);
}

static int orphans_fn(void *data, struct error *err)
{
	const struct orphans *o = data;
	const cJSON *path;

	cJSON_ArrayForEach(path, o->paths)
		if (fs_remove_tree(path->valuestring, err) < 0)
			return -1;
	return 0;
}

static enum op_result step_orphans(struct op *op, struct error *err)
{
	struct orphans *o = op_data(op);
	const cJSON *uuid;
	bool unsure;
	struct strmap *known = owners(o->b, &unsure);

	cJSON_ArrayForEach(uuid, json_arr(o->args, "orphans")) {
		AUTO_FREE char *dir = export_dir(o->b, uuid->valuestring, "");

		if (!unsure && strmap_get(known, uuid->valuestring) == NULL)
			cJSON_AddItemToArray(o->paths, cJSON_CreateString(dir));
	}
	strmap_free(known);
	return op_thread(op, orphans_fn, o, err);
}

static const struct op_step orphans_steps[] = { { "remove", step_orphans, NULL, 3600, 0 }, { 0 } };

static const struct op_kind orphans_kind = {
	.name = "export-orphans",
	.description = "Removing instance backups",
	.steps = orphans_steps,
	.load = orphans_load,
	.unload = orphans_unload,
	.volatile_ = true, /* the next sweep finds them again */
};

static void remove_orphans(struct berthd *b, cJSON *uuids)
{
	static const char *const locks[] = { "export-orphans", NULL };
	struct op_options options = { .locks = locks };
	struct error err = ERROR_INIT;
	cJSON *args;

	if (uuids->child == NULL || op_locked(b->ops, locks[0]))
		return;
	args = cJSON_CreateObject();
	json_set(args, "orphans", cJSON_Duplicate(uuids, true));
	if (op_start(b->ops, &orphans_kind, args, &options, &err) == NULL)
		log_warning("backups of instances that are gone: %s", err.msg);
}

static void sweep_expired(struct berthd *b, const struct instance *inst, const char *uuid)
{
	AUTO_FREE char *dir = export_dir(b, uuid, "");
	AUTO_JSON cJSON *list = export_shelf_list(dir);
	struct error err = ERROR_INIT;
	const cJSON *v;

	cJSON_ArrayForEach(v, list)
		if (export_has_expired(v) && export_delete(b, inst, json_str_or(v, "name", ""), &err) == NULL)
			log_warning("expired backup of '%s': %s", inst->name, err.msg);
}

void export_sweep(struct berthd *b)
{
	AUTO_FREE char *top = fs_join(b->settings->backup_path, EXPORTS_DIR);
	AUTO_JSON cJSON *orphans = cJSON_CreateArray();
	DIR *dir = opendir(top);
	const struct dirent *d;
	struct strmap *known;
	bool unsure;

	if (dir == NULL)
		return;
	known = owners(b, &unsure);
	while ((d = readdir(dir)) != NULL) {
		const struct instance *inst = d->d_name[0] != '.' ? strmap_get(known, d->d_name) : NULL;

		if (inst != NULL)
			sweep_expired(b, inst, d->d_name);
		else if (d->d_name[0] != '.' && !unsure)
			cJSON_AddItemToArray(orphans, cJSON_CreateString(d->d_name));
	}
	closedir(dir);
	strmap_free(known);
	remove_orphans(b, orphans);
}
