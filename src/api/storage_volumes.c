/* SPDX-License-Identifier: MIT */
/*
 * /1.0/storage-pools/POOL/volumes: custom volumes (pool/custom.h); those of instances and of images are in
 * storage_builtin.c.
 */
#include "api/storage_volumes.h"

#include <string.h>

#include "api/events.h"
#include "api/lifecycle.h"
#include "api/tree_usage.h"
#include "backup/volume_migrate.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "instance/instance.h"
#include "instance/registry.h"
#include "instance/snapshot.h"
#include "instance/work.h"
#include "model/settings.h"
#include "pool/custom.h"
#include "pool/pool.h"


static char *url_of(const char *pool, const char *type, const char *name, const char *snapshot)
{
	AUTO_STRBUF struct strbuf url = STRBUF_INIT;

	strbuf_addf(&url, "/1.0/storage-pools/%s/volumes/%s/", pool, type);
	strbuf_adduri(&url, name);
	if (snapshot != NULL) {
		strbuf_addstr(&url, "/snapshots/");
		strbuf_adduri(&url, snapshot);
	}
	return mem_strdup(url.buf);
}

char *storage_volume_url(const char *pool, const char *name, const char *snapshot)
{
	return url_of(pool, "custom", name, snapshot);
}

void storage_volume_etag(const cJSON *object, char out[65])
{
	static const char *const counted[] = { "name", "type", "config", "description", "expires_at" };
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		json_set(v, counted[i], cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(object, counted[i]), true));
	etag_of(v, out);
}

bool storage_volume_type(const char *type, struct error *err)
{
	static const char *const types[] = { "container", "virtual-machine", "image", "custom", NULL };

	for (const char *const *t = types; *t != NULL; t++)
		if (strcmp(*t, type) == 0)
			return true;
	error_set(err, ERROR_INVALID, "Invalid storage volume type name \"%.64s\"", type);
	return false;
}

static bool is_custom(struct request *r)
{
	return strcmp(request_param(r, "type"), "custom") == 0;
}

bool storage_volume_is_custom(struct request *r)
{
	const char *type = request_param(r, "type");

	struct error err = ERROR_INIT;

	if (strcmp(type, "custom") == 0)
		return true;
	if (storage_volume_type(type, &err))
		error_set(&err, ERROR_INVALID, "Invalid storage volume type \"%s\": this is for custom volumes only", type);
	reply_error(r, &err);
	return false;
}

bool storage_volume_unchanged(struct request *r, const char *snapshot)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *name = request_param(r, "volume");
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;
	char tag[65];

	if (!storage_volume_is_custom(r))
		return false;
	v = snapshot != NULL ? custom_snapshot_get(b, pool, name, snapshot, &err) : custom_get(b, pool, name, &err);
	if (v == NULL) {
		reply_error(r, &err);
		return false;
	}
	storage_volume_etag(v, tag);
	return request_etag_ok(r, tag);
}

/* ---- lists */

static void add_custom(struct berthd *b, const char *pool, cJSON *list)
{
	AUTO_JSON cJSON *volumes = custom_list(b, pool);
	struct error ignored = ERROR_INIT;

	while (volumes->child != NULL) {
		cJSON *volume = cJSON_DetachItemViaPointer(volumes, volumes->child), *item;
		const char *name = json_str(volume, "name");
		AUTO_JSON cJSON *snapshots = custom_snapshot_list(b, pool, name, &ignored);

		cJSON_AddItemToArray(list, volume);
		cJSON_ArrayForEach(item, snapshots) {
			cJSON *v = cJSON_Duplicate(volume, true);

			json_set_strf(v, "name", "%s/%s", name, json_str(item, "name"));
			json_set(v, "config", cJSON_Duplicate(json_obj(item, "config"), true));
			json_set_str(v, "description", json_str_or(item, "description", ""));
			json_set_str(v, "created_at", json_str_or(item, "created_at", TIME_UNSET));
			json_set(v, "used_by", cJSON_CreateArray()); /* nobody mounts one */
			cJSON_AddItemToArray(list, v);
		}
	}
}

static cJSON *url_item(const char *pool, const cJSON *volume)
{
	const char *name = json_str_or(volume, "name", ""), *slash = strchr(name, '/');
	AUTO_FREE char *plain = mem_strndup(name, strcspn(name, "/"));
	AUTO_FREE char *url = url_of(pool, json_str_or(volume, "type", ""), plain, slash != NULL ? slash + 1 : NULL);

	return cJSON_CreateString(url);
}

/* type NULL: all */
static void list_volumes(struct request *r, const char *type)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *text = request_query(r, "filter");
	struct error err = ERROR_INIT;
	struct filter *filter = NULL;
	AUTO_JSON cJSON *all = cJSON_CreateArray();
	cJSON *list;

	if (pool_usable(b, pool, &err) < 0 || (text != NULL && text[0] != '\0' && (filter = filter_parse(text, &err)) == NULL)) {
		reply_error(r, &err);
		return;
	}
	storage_builtin_add(b, pool, type, all);
	if (type == NULL || strcmp(type, "custom") == 0)
		add_custom(b, pool, all);
	list = cJSON_CreateArray();
	while (all->child != NULL) {
		cJSON *v = cJSON_DetachItemViaPointer(all, all->child);
		bool fits = filter == NULL || filter_match(filter, v);

		if (fits)
			cJSON_AddItemToArray(list, request_recursion(r) > 0 ? cJSON_Duplicate(v, true) : url_item(pool, v));
		cJSON_Delete(v);
	}
	filter_free(filter);
	reply_sync(r, list);
}

static void get_all(struct request *r)
{
	list_volumes(r, NULL);
}

static void get_type(struct request *r)
{
	const char *type = request_param(r, "type");
	struct error err = ERROR_INIT;

	if (storage_volume_type(type, &err))
		list_volumes(r, type);
	else
		reply_error(r, &err);
}

static void create(struct request *r, const char *type)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name");
	AUTO_JSON cJSON *body = cJSON_Duplicate(request_body(r), true);
	AUTO_FREE char *url = storage_volume_url(pool, json_str_or(body, "name", ""), NULL);
	bool copies = strcmp(json_str_or(json_obj(body, "source"), "type", ""), "copy") == 0;
	bool there = custom_exists(b, pool, json_str_or(body, "name", ""));
	struct error err = ERROR_INIT;
	struct op *op;

	if (type != NULL)
		json_set_str(body, "type", type);
	if (volume_receive_asked(body)) {
		op = volume_receive(b, pool, body, &err);
		lifecycle_after_with(b, op, "storage-volume-created", url, "type", "custom");
		reply_op(r, op, &err);
		return;
	}
	op = custom_create(b, pool, body, &err);
	if (!there) /* of a refresh LXD tells nothing */
		lifecycle_after_with(b, op, "storage-volume-created", url, "type", "custom");
	if (copies)
		reply_op(r, op, &err);
	else
		reply_op_ended(r, op, NULL, &err);
}

static void post_all(struct request *r)
{
	create(r, NULL);
}

static void post_type(struct request *r)
{
	create(r, request_param(r, "type"));
}

/* ---- one */

static cJSON *find(struct request *r, struct error *err)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *type = request_param(r, "type"), *name = request_param(r, "volume");

	return is_custom(r) ? custom_get(b, pool, name, err) : storage_builtin_get(b, pool, type, name, err);
}

static void get_one(struct request *r)
{
	struct error err = ERROR_INIT;
	cJSON *v = find(r, &err);
	char tag[65];

	if (v == NULL) {
		reply_error(r, &err);
		return;
	}
	storage_volume_etag(v, tag);
	reply_sync_etag(r, v, tag);
}

static void restore(struct request *r, const char *snapshot)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *name = request_param(r, "volume");
	AUTO_FREE char *url = storage_volume_url(pool, name, NULL);
	struct error err = ERROR_INIT;
	struct op *op = custom_restore(b, pool, name, snapshot, &err);

	lifecycle_after_with(b, op, "storage-volume-restored", url, "snapshot", snapshot);
	reply_op_ended(r, op, NULL, &err);
}

static void change(struct request *r, bool patch)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *name = request_param(r, "volume");
	const char *snapshot = json_str_or(request_body(r), "restore", "");
	AUTO_FREE char *url = storage_volume_url(pool, name, NULL);
	struct error err = ERROR_INIT;
	struct op *op;

	if (!storage_volume_unchanged(r, NULL))
		return;
	if (snapshot[0] != '\0') {
		restore(r, snapshot);
		return;
	}
	if (custom_update(b, pool, name, request_body(r), patch, &op, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	if (op != NULL) {
		lifecycle_after(b, op, "storage-volume-updated", url);
		reply_op_ended(r, op, NULL, &err);
		return;
	}
	events_request(r, "storage-volume-updated", url, NULL);
	reply_sync(r, NULL);
}

static void put_one(struct request *r)
{
	if (is_custom(r))
		change(r, false);
	else
		storage_builtin_put(r);
}

static void patch_one(struct request *r)
{
	change(r, true);
}

/* A rename is answered at once (201), a move to another pool is an operation. */
static void post_one(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *to_pool = json_str_or(request_body(r), "pool", "");
	const char *to = json_str_or(request_body(r), "name", "");
	bool moves = to_pool[0] != '\0' && strcmp(to_pool, pool) != 0;
	AUTO_FREE char *url = storage_volume_url(moves ? to_pool : pool, to, NULL);
	struct error err = ERROR_INIT;
	struct op *op;

	if (!is_custom(r) && storage_volume_type(request_param(r, "type"), &err)) {
		reply_errorf(r, ERROR_INVALID, "Renaming storage volumes of type \"%s\" is not allowed", request_param(r, "type"));
		return;
	}
	if (!storage_volume_is_custom(r))
		return;
	if (json_bool(request_body(r), "migration", false)) {
		reply_op(r, volume_migrate(b, pool, request_param(r, "volume"), request_body(r), &err), &err);
		return;
	}
	op = custom_rename(b, pool, request_param(r, "volume"), request_body(r), &err);
	lifecycle_after_with(b, op, "storage-volume-renamed", url, "old_name", request_param(r, "volume"));
	if (moves)
		reply_op(r, op, &err);
	else
		reply_op_ended(r, op, url, &err);
}

static void delete_one(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *name = request_param(r, "volume");
	AUTO_FREE char *url = storage_volume_url(pool, name, NULL);
	struct error err = ERROR_INIT;
	struct op *op;

	if (!is_custom(r) && storage_volume_type(request_param(r, "type"), &err)) {
		storage_builtin_delete(r);
		return;
	}
	if (!storage_volume_is_custom(r))
		return;
	op = custom_delete(b, pool, name, &err);
	lifecycle_after(b, op, "storage-volume-deleted", url);
	reply_op_ended(r, op, NULL, &err);
}

/* ---- state: what it takes of the disk, counted, and what it may */

static uint64_t total_of(struct berthd *b, const char *name, const cJSON *volume, bool custom)
{
	const struct instance *inst = custom ? NULL : registry_get(b->registry, name);
	AUTO_JSON cJSON *config = NULL, *devices = NULL;
	struct error ignored = ERROR_INIT;
	uint64_t bytes = 0;

	if (inst != NULL) {
		instance_expand_shown(b, inst->desired, &config, &devices);
		return size_of(devices);
	}
	return units_parse_size(json_str_or(json_obj(volume, "config"), "size", ""), &bytes, &ignored) == 0 ? bytes : 0;
}

static void counted(struct request *r, void *data, const unsigned long long *bytes, const struct error *err)
{
	AUTO_FREE uint64_t *total = data;
	cJSON *v, *usage;

	if (r == NULL)
		return;
	if (bytes == NULL) {
		reply_error(r, err);
		return;
	}
	v = cJSON_CreateObject();
	usage = cJSON_AddObjectToObject(v, "usage");
	json_set_int(usage, "used", (int64_t)*bytes);
	json_set_int(usage, "total", (int64_t)*total);
	reply_sync(r, v);
}

static void get_state(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *pool = request_param(r, "name"), *name = request_param(r, "volume");
	bool custom = strcmp(request_param(r, "type"), "custom") == 0;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = find(r, &err);
	AUTO_FREE char *path = NULL;
	uint64_t *total;

	if (v == NULL) {
		reply_error(r, &err);
		return;
	}
	if (strcmp(request_param(r, "type"), "image") == 0) {
		reply_errorf(r, ERROR_INVALID, "Invalid storage volume type \"image\"");
		return;
	}
	path = custom ? custom_path(b, pool, name) : instance_dir(b, name);
	total = mem_alloc(sizeof(*total));
	*total = total_of(b, name, v, custom);
	tree_usage(r, path, TREE_USAGE_MS, counted, total);
}

const struct route storage_volume_routes[] = {
	{ "GET", "/1.0/storage-pools/{name}/volumes", get_all, NULL },
	{ "POST", "/1.0/storage-pools/{name}/volumes", post_all, NULL },
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}", get_type, NULL },
	{ "POST", "/1.0/storage-pools/{name}/volumes/{type}", post_type, &storage_volume_import_body },
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}/{volume}", get_one, NULL },
	{ "PUT", "/1.0/storage-pools/{name}/volumes/{type}/{volume}", put_one, NULL },
	{ "PATCH", "/1.0/storage-pools/{name}/volumes/{type}/{volume}", patch_one, NULL },
	{ "POST", "/1.0/storage-pools/{name}/volumes/{type}/{volume}", post_one, NULL },
	{ "DELETE", "/1.0/storage-pools/{name}/volumes/{type}/{volume}", delete_one, NULL },
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/state", get_state, NULL },
	{ .method = NULL },
};
