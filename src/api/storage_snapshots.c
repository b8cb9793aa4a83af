/* SPDX-License-Identifier: MIT */
/* /1.0/storage-pools/POOL/volumes/custom/NAME/snapshots */
#include <string.h>

#include "api/events.h"
#include "api/lifecycle.h"
#include "api/storage_volumes.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "pool/custom.h"

struct at {
	struct berthd *b;
	const char *pool, *name;
};

static bool is_custom(struct request *r)
{
	return strcmp(request_param(r, "type"), "custom") == 0;
}

/* false: replied */
static bool where(struct request *r, struct at *ret)
{
	ret->b = request_berthd(r);
	ret->pool = request_param(r, "name");
	ret->name = request_param(r, "volume");
	return storage_volume_is_custom(r);
}

/* In a list a snapshot is VOLUME/SNAPSHOT and expires at null if never, alone it is SNAPSHOT: as LXD has it. */
static void full_names(cJSON *snapshots, const char *volume)
{
	cJSON *item;

	cJSON_ArrayForEach(item, snapshots) {
		json_set_strf(item, "name", "%s/%s", volume, json_str_or(item, "name", ""));
		if (strcmp(json_str_or(item, "expires_at", ""), TIME_UNSET) == 0)
			json_set(item, "expires_at", cJSON_CreateNull());
	}
}

static void get_list(struct request *r)
{
	struct error err = ERROR_INIT;
	cJSON *snapshots, *urls;
	const cJSON *item;
	struct at at;

	if (!is_custom(r)) {
		storage_builtin_snapshots(r);
		return;
	}
	if (!where(r, &at))
		return;
	snapshots = custom_snapshot_list(at.b, at.pool, at.name, &err);
	if (snapshots == NULL) {
		reply_error(r, &err);
		return;
	}
	if (request_recursion(r) > 0) {
		full_names(snapshots, at.name);
		reply_sync(r, snapshots);
		return;
	}
	urls = cJSON_CreateArray();
	cJSON_ArrayForEach(item, snapshots) {
		AUTO_FREE char *url = storage_volume_url(at.pool, at.name, json_str_or(item, "name", ""));

		cJSON_AddItemToArray(urls, cJSON_CreateString(url));
	}
	cJSON_Delete(snapshots);
	reply_sync(r, urls);
}

static void post_list(struct request *r)
{
	struct error err = ERROR_INIT;
	struct at at;
	struct op *op;

	if (!where(r, &at))
		return;
	op = custom_snapshot_create(at.b, at.pool, at.name, request_body(r), &err);
	if (op != NULL) {
		AUTO_FREE char *url = storage_volume_url(at.pool, at.name, json_str(op_args(op), "snapshot"));

		lifecycle_after_with(at.b, op, "storage-volume-snapshot-created", url, "type", "custom");
	}
	reply_op(r, op, &err);
}

static void get_one(struct request *r)
{
	struct error err = ERROR_INIT;
	struct at at;
	char tag[65];
	cJSON *v;

	if (!is_custom(r)) {
		storage_builtin_snapshot(r);
		return;
	}
	if (!where(r, &at))
		return;
	v = custom_snapshot_get(at.b, at.pool, at.name, request_param(r, "snapshot"), &err);
	if (v == NULL) {
		reply_error(r, &err);
		return;
	}
	storage_volume_etag(v, tag);
	reply_sync_etag(r, v, tag);
}

static void change(struct request *r, bool patch)
{
	const char *snapshot = request_param(r, "snapshot");
	struct error err = ERROR_INIT;
	AUTO_FREE char *url = NULL;
	struct at at;

	if (!is_custom(r)) {
		storage_builtin_snapshot_put(r, patch);
		return;
	}
	if (!storage_volume_unchanged(r, snapshot) || !where(r, &at))
		return;
	if (custom_snapshot_update(at.b, at.pool, at.name, snapshot, request_body(r), patch, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	url = storage_volume_url(at.pool, at.name, snapshot);
	events_request(r, "storage-volume-snapshot-updated", url, NULL);
	reply_sync(r, NULL);
}

static void put_one(struct request *r)
{
	change(r, false);
}

static void patch_one(struct request *r)
{
	change(r, true);
}

static void post_one(struct request *r)
{
	const char *to = json_str_or(request_body(r), "name", "");
	struct error err = ERROR_INIT;
	AUTO_FREE char *url = NULL;
	struct at at;
	struct op *op;

	if (!where(r, &at))
		return;
	url = storage_volume_url(at.pool, at.name, to);
	op = custom_snapshot_rename(at.b, at.pool, at.name, request_param(r, "snapshot"), to, &err);
	lifecycle_after_with(at.b, op, "storage-volume-snapshot-renamed", url, "old_name", request_param(r, "snapshot"));
	reply_op(r, op, &err);
}

static void delete_one(struct request *r)
{
	const char *snapshot = request_param(r, "snapshot");
	struct error err = ERROR_INIT;
	AUTO_FREE char *url = NULL;
	struct at at;
	struct op *op;

	if (!where(r, &at))
		return;
	url = storage_volume_url(at.pool, at.name, snapshot);
	op = custom_snapshot_delete(at.b, at.pool, at.name, snapshot, &err);
	lifecycle_after(at.b, op, "storage-volume-snapshot-deleted", url);
	reply_op(r, op, &err);
}

static void started(struct berthd *b, struct op *op, const char *action, const char *pool, const char *name)
{
	AUTO_FREE char *url = storage_volume_url(pool, name, json_str(op_args(op), "snapshot"));
	AUTO_FREE char *event = mem_printf("storage-volume-snapshot-%s", action);

	lifecycle_after_with(b, op, event, url, "type", strcmp(action, "created") == 0 ? "custom" : NULL);
}

void volumes_by_the_clock(struct berthd *b)
{
	b->volumes = custom_due_start(b, started);
}

const struct route storage_snapshot_routes[] = {
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/snapshots", get_list, NULL },
	{ "POST", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/snapshots", post_list, NULL },
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/snapshots/{snapshot}", get_one, NULL },
	{ "PUT", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/snapshots/{snapshot}", put_one, NULL },
	{ "PATCH", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/snapshots/{snapshot}", patch_one, NULL },
	{ "POST", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/snapshots/{snapshot}", post_one, NULL },
	{ "DELETE", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/snapshots/{snapshot}", delete_one, NULL },
	{ .method = NULL },
};
