/* SPDX-License-Identifier: MIT */
/*
 * Volumes that come and go with something else: of type container, the root file systems of instances, about which
 * something can be noted (instance/root_volume.h); of type image, in pools that keep the trees of images
 * (pool/image_volume.h), which can be deleted.
 */
#include <string.h>

#include "api/events.h"
#include "api/lifecycle.h"
#include "api/storage_volumes.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/instance.h"
#include "instance/root_volume.h"
#include "instance/snapshot.h"
#include "pool/image_volume.h"
#include "pool/pool.h"

/* ---- what there is */

static cJSON *container_volume(const struct instance *inst, const cJSON *snapshot)
{
	const char *name = snapshot != NULL ? json_str_or(snapshot, "name", "") : NULL;
	const cJSON *of = snapshot != NULL ? snapshot : inst->desired;
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s%s%s", inst->name, name != NULL ? "/snapshots/" : "",
					 name != NULL ? name : "");
	const char *urls[] = { url };
	cJSON *v = cJSON_CreateObject();

	root_volume_show(of, v);
	if (name != NULL)
		json_set_strf(v, "name", "%s/%s", inst->name, name);
	else
		json_set_str(v, "name", inst->name);
	json_set_str(v, "type", "container");
	json_set(v, "used_by", cJSON_CreateStringArray(urls, 1));
	json_set_str(v, "location", "none");
	json_set_str(v, "content_type", "filesystem");
	json_set_str(v, "project", "default");
	json_set_str(v, "created_at", json_str_or(of, "created_at", TIME_UNSET));
	return v;
}

static void add_containers(struct berthd *b, const char *pool, cJSON *list)
{
	AUTO_FREE const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++) {
		struct instance *inst = registry_get(b->registry, *n);
		const cJSON *snapshot;

		if (strcmp(instance_pool(b, inst), pool) != 0)
			continue;
		cJSON_AddItemToArray(list, container_volume(inst, NULL));
		if (inst->adopted)
			continue;
		cJSON_ArrayForEach(snapshot, snapshot_list(b, inst))
			cJSON_AddItemToArray(list, container_volume(inst, snapshot));
	}
}

static void add_images(struct berthd *b, const char *pool, cJSON *list)
{
	AUTO_JSON cJSON *images = image_volume_list(b, pool);
	struct error ignored = ERROR_INIT;
	const cJSON *item;

	cJSON_ArrayForEach(item, images) {
		cJSON *v = image_volume_get(b, pool, item->valuestring, &ignored);

		if (v != NULL)
			cJSON_AddItemToArray(list, v);
	}
}

void storage_builtin_add(struct berthd *b, const char *pool, const char *type, cJSON *list)
{
	if (type == NULL || strcmp(type, "container") == 0)
		add_containers(b, pool, list);
	if (type == NULL || strcmp(type, "image") == 0)
		add_images(b, pool, list);
}

static struct instance *find_container(struct berthd *b, const char *pool, const char *type, const char *name)
{
	struct instance *inst = strcmp(type, "container") == 0 ? registry_get(b->registry, name) : NULL;

	return inst != NULL && strcmp(instance_pool(b, inst), pool) == 0 ? inst : NULL;
}

cJSON *storage_builtin_get(struct berthd *b, const char *pool, const char *type, const char *name, struct error *err)
{
	const struct instance *inst = find_container(b, pool, type, name);

	if (!storage_volume_type(type, err) || pool_find(b, pool, err) == NULL)
		return NULL;
	if (strcmp(type, "image") == 0)
		return image_volume_get(b, pool, name, err);
	if (inst != NULL)
		return container_volume(inst, NULL);
	error_set(err, ERROR_NOT_FOUND, "Storage pool volume not found");
	return NULL;
}

/* ---- changes */

static char *url_of(struct request *r, const char *snapshot)
{
	return mem_printf("/1.0/storage-pools/%s/volumes/%s/%s%s%s", request_param(r, "name"), request_param(r, "type"),
			  request_param(r, "volume"), snapshot != NULL ? "/snapshots/" : "", snapshot != NULL ? snapshot : "");
}

void storage_builtin_put(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *type = request_param(r, "type"), *name = request_param(r, "volume");
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = storage_builtin_get(b, request_param(r, "name"), type, name, &err);
	AUTO_FREE char *url = url_of(r, NULL);
	struct op *op;
	char tag[65];

	if (v == NULL) {
		reply_error(r, &err);
		return;
	}
	storage_volume_etag(v, tag);
	if (!request_etag_ok(r, tag))
		return;
	if (strcmp(type, "image") == 0) {
		reply_errorf(r, ERROR_INVALID, "Volume config is not editable");
		return;
	}
	op = root_volume_put(b, name, request_body(r), &err);
	lifecycle_after(b, op, "storage-volume-updated", url);
	reply_op_ended(r, op, NULL, &err);
}

void storage_builtin_delete(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *type = request_param(r, "type");
	AUTO_FREE char *url = url_of(r, NULL);
	struct error err = ERROR_INIT;
	struct op *op;

	if (strcmp(type, "image") != 0) {
		reply_errorf(r, ERROR_INVALID, "Storage volumes of type \"%.64s\" cannot be deleted with the storage API", type);
		return;
	}
	op = image_volume_delete(b, request_param(r, "name"), request_param(r, "volume"), &err);
	lifecycle_after(b, op, "storage-volume-deleted", url);
	reply_op_ended(r, op, NULL, &err);
}

/* ---- snapshots of instances, as snapshots of their volumes */

static cJSON *snapshot_volume(const cJSON *snapshot)
{
	cJSON *v = cJSON_CreateObject();

	root_volume_show(snapshot, v);
	json_set_str(v, "name", json_str_or(snapshot, "name", ""));
	json_set_str(v, "expires_at", TIME_UNSET); /* LXD tells only the instance's snapshot's */
	json_set_str(v, "created_at", json_str_or(snapshot, "created_at", TIME_UNSET));
	json_set_str(v, "content_type", "filesystem");
	return v;
}

/* Of what is none there are none. */
void storage_builtin_snapshots(struct request *r)
{
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;
	struct instance *inst = find_container(b, request_param(r, "name"), request_param(r, "type"), request_param(r, "volume"));
	const cJSON *snapshot, *snapshots = inst != NULL && !inst->adopted ? snapshot_list(b, inst) : NULL;
	cJSON *list;

	if (!storage_volume_type(request_param(r, "type"), &err) || pool_usable(b, request_param(r, "name"), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	list = cJSON_CreateArray();
	cJSON_ArrayForEach(snapshot, snapshots) {
		AUTO_FREE char *url = url_of(r, json_str_or(snapshot, "name", ""));
		cJSON *v = request_recursion(r) > 0 ? snapshot_volume(snapshot) : cJSON_CreateString(url);

		if (request_recursion(r) > 0) {
			json_set_strf(v, "name", "%s/%s", inst->name, json_str_or(snapshot, "name", ""));
			json_set(v, "expires_at", cJSON_CreateNull());
		}
		cJSON_AddItemToArray(list, v);
	}
	reply_sync(r, list);
}

/* NULL: replied */
static cJSON *find_snapshot(struct request *r, char tag[65])
{
	struct berthd *b = request_berthd(r);
	struct instance *inst = find_container(b, request_param(r, "name"), request_param(r, "type"), request_param(r, "volume"));
	struct error err = ERROR_INIT;
	const cJSON *snapshot = NULL;
	cJSON *v;

	if (storage_volume_type(request_param(r, "type"), &err) && inst != NULL && !inst->adopted)
		snapshot = snapshot_find(b, inst, request_param(r, "snapshot"), &err);
	if (snapshot == NULL) {
		if (err.code == ERROR_NONE || err.code == ERROR_NOT_FOUND)
			error_set(&err, ERROR_NOT_FOUND, "Storage pool volume not found");
		reply_error(r, &err);
		return NULL;
	}
	v = snapshot_volume(snapshot);
	storage_volume_etag(v, tag);
	return v;
}

void storage_builtin_snapshot(struct request *r)
{
	char tag[65];
	cJSON *v = find_snapshot(r, tag);

	if (v != NULL)
		reply_sync_etag(r, v, tag);
}

void storage_builtin_snapshot_put(struct request *r, bool patch)
{
	struct berthd *b = request_berthd(r);
	const char *snapshot = request_param(r, "snapshot"), *description = json_str(request_body(r), "description");
	AUTO_FREE char *url = url_of(r, snapshot);
	struct error err = ERROR_INIT;
	char tag[65];
	AUTO_JSON cJSON *v = find_snapshot(r, tag);
	struct op *op;

	if (v == NULL || !request_etag_ok(r, tag))
		return;
	if (description == NULL)
		description = patch ? json_str_or(v, "description", "") : "";
	op = root_volume_describe(b, request_param(r, "volume"), snapshot, description, &err);
	lifecycle_after(b, op, "storage-volume-snapshot-updated", url);
	reply_op_ended(r, op, NULL, &err);
}
