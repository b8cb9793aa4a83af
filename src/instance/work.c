/* SPDX-License-Identifier: MIT */
#include "instance/file.h"
#include "instance/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "instance/migrate_link.h"
#include "instance/place.h"
#include "pool/pool.h"

/* What becomes a part of a path. A journal that was damaged must not lead elsewhere. */
static int check_names(const cJSON *args, struct error *err)
{
	static const char *const keys[] = { "name", "new_name", "owner", "volume", "trash", "mark", "snapshot" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *name = json_str(args, keys[i]);
		bool encoded = strcmp(keys[i], "snapshot") == 0; /* by snapshot_dir(): it may begin with a '.' */

		if (name != NULL && (name[0] == '\0' || (name[0] == '.' && !encoded) || strchr(name, '/') != NULL))
			return error_set(err, ERROR_INVALID, "the operation's '%s' is none: '%.64s'", keys[i], name);
	}
	return json_str(args, "name") != NULL ? 0 : error_set(err, ERROR_INVALID, "the operation names no instance");
}

void *work_load(void *ctx, cJSON *args, struct error *err)
{
	const char *name = json_str(args, "name");
	struct work *w;

	if (check_names(args, err) < 0)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->b = ctx;
	w->args = args;
	w->name = mem_strdup(name);
	w->dir = json_str(args, WORK_POOL) != NULL && pool_get(w->b, json_str(args, WORK_POOL)) != NULL ?
		place_in_pool(w->b, json_str(args, WORK_POOL), name) : instance_dir(w->b, name);
	return w;
}

void work_unload(void *data)
{
	struct work *w = data;

	if (w == NULL)
		return;
	cJSON_Delete(w->scratch);
	free(w->image_tree);
	free(w->image_volume);
	migrate_link_free(w->link);
	free(w->name);
	free(w->dir);
	free(w->doomed);
	free(w);
}

cJSON *instance_resources(const char *name)
{
	cJSON *resources = cJSON_CreateObject();

	op_resource(resources, "containers", "/1.0/containers/%s", name);
	op_resource(resources, "instances", "/1.0/instances/%s", name);
	return resources;
}

/* A copy has its source's too, and a change of state LXD's newer name alone. */
static cJSON *resources_of(const cJSON *args, const char *name)
{
	const char *source = json_str(args, "copy_of");
	cJSON *resources = instance_resources(name);

	if (source != NULL) {
		op_resource(resources, "containers", "/1.0/containers/%s", source);
		op_resource(resources, "instances", "/1.0/instances/%s", source);
	}
	if (json_str(args, "action") != NULL)
		json_set(resources, "containers", NULL);
	return resources;
}

/* What runs has its files open, so that it can be stopped without its pool. */
static bool without_pool(const struct berthd *b, const char *name, struct error *err)
{
	const struct instance *inst = registry_get(b->registry, name);

	return (inst == NULL || !instance_active(inst)) && place_lost(b, name, err);
}

struct op *work_start(struct berthd *b, const struct op_kind *kind, cJSON *args, struct error *err)
{
	const char *name = json_str_or(args, "name", "");
	AUTO_FREE char *lock = mem_printf("instance/%s", name);
	const char *new_name = json_str_or(args, "new_name", json_str(args, "copy_of"));
	AUTO_FREE char *lock2 = new_name != NULL ? mem_printf("instance/%s", new_name) : NULL;
	const char *locks[] = { lock, lock2, NULL };
	struct op_options options = { .locks = locks, .description = json_str(args, "description") };

	if (without_pool(b, name, err)) {
		cJSON_Delete(args);
		return NULL;
	}
	options.resources = resources_of(args, name);
	file_session_make_way(b, name);
	return op_start(b->ops, kind, args, &options, err);
}
