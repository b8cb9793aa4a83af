/* SPDX-License-Identifier: MIT */
/* /1.0/storage-pools, see pool/pool.h. Making and deleting is answered when it is done, as LXD does. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "api/events.h"
#include "api/lifecycle.h"
#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "pool/pool.h"

static char *url_of(const char *name)
{
	return mem_printf("/1.0/storage-pools/%s", name);
}

static cJSON *view(struct berthd *b, const char *name)
{
	static const char *const here[] = { "none" };
	cJSON *v = cJSON_Duplicate(pool_get(b, name), true), *config = json_obj(v, "config");
	struct error ignored = ERROR_INIT;

	json_set_str(v, "driver", pool_driver(b, name));
	if (json_str(config, "source") == NULL) {
		AUTO_FREE char *path = pool_path(b, name);

		json_set_str(config, "source", path);
	}
	json_set(v, "used_by", pool_used_by(b, name));
	json_set_str(v, "status", pool_usable(b, name, &ignored) == 0 ? "Created" : "Unavailable");
	json_set(v, "locations", cJSON_CreateStringArray(here, 1));
	json_sort(v);
	return v;
}

static void etag(struct berthd *b, const char *name, char out[65])
{
	AUTO_JSON cJSON *v = view(b, name);

	json_set(v, "used_by", NULL);
	json_set(v, "status", NULL);
	etag_of(v, out);
}

static void get_list(struct request *r)
{
	struct berthd *b = request_berthd(r);
	AUTO_FREE const char **names = pool_names(b);
	cJSON *list = cJSON_CreateArray();

	for (const char **n = names; *n != NULL; n++) {
		AUTO_FREE char *url = url_of(*n);

		cJSON_AddItemToArray(list, request_recursion(r) > 0 ? view(b, *n) : cJSON_CreateString(url));
	}
	reply_sync(r, list);
}

static void post_list(struct request *r)
{
	const cJSON *body = request_body(r);
	AUTO_FREE char *url = url_of(json_str_or(body, "name", ""));
	struct error err = ERROR_INIT;
	struct op *op = pool_create(request_berthd(r), body, &err);

	lifecycle_after(request_berthd(r), op, "storage-pool-created", url);
	reply_op_ended(r, op, url, &err);
}

/* NULL: 404 was replied. */
static const char *find(struct request *r)
{
	const char *name = request_param(r, "name");
	struct error err = ERROR_INIT;

	if (pool_find(request_berthd(r), name, &err) != NULL)
		return name;
	reply_error(r, &err);
	return NULL;
}

static void get_one(struct request *r)
{
	const char *name = find(r);
	char tag[65];

	if (name == NULL)
		return;
	etag(request_berthd(r), name, tag);
	reply_sync_etag(r, view(request_berthd(r), name), tag);
}

static void change(struct request *r, bool patch)
{
	const char *name = find(r);
	struct berthd *b = request_berthd(r);
	AUTO_FREE char *url = NULL;
	struct error err = ERROR_INIT;
	char tag[65];

	if (name == NULL)
		return;
	etag(b, name, tag);
	if (!request_etag_ok(r, tag))
		return;
	if (pool_update(b, name, request_body(r), patch, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	url = url_of(name);
	events_request(r, "storage-pool-updated", url, NULL);
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

static void delete_one(struct request *r)
{
	AUTO_FREE char *url = url_of(request_param(r, "name"));
	struct error err = ERROR_INIT;
	struct op *op = pool_delete(request_berthd(r), request_param(r, "name"), &err);

	lifecycle_after(request_berthd(r), op, "storage-pool-deleted", url);
	reply_op_ended(r, op, NULL, &err);
}

/* A btrfs has no table of inodes: 0 of 0, which clients leave out. */
static void get_resources(struct request *r)
{
	const char *name = find(r);
	AUTO_FREE char *path = NULL;
	struct error err = ERROR_INIT;
	cJSON *v, *space, *inodes;
	struct statvfs fs;

	if (name == NULL)
		return;
	if (pool_usable(request_berthd(r), name, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	path = pool_path(request_berthd(r), name);
	if (statvfs(path, &fs) < 0) {
		reply_errorf(r, ERROR_SYSTEM, "cannot look at '%s'", path);
		return;
	}
	v = cJSON_CreateObject();
	space = cJSON_AddObjectToObject(v, "space");
	json_set_int(space, "used", (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize));
	json_set_int(space, "total", (int64_t)(fs.f_blocks * fs.f_frsize));
	inodes = cJSON_AddObjectToObject(v, "inodes");
	json_set_int(inodes, "used", (int64_t)(fs.f_files - fs.f_ffree));
	json_set_int(inodes, "total", (int64_t)fs.f_files);
	reply_sync(r, v);
}

const struct route storage_routes[] = {
	{ "GET", "/1.0/storage-pools", get_list, NULL },
	{ "POST", "/1.0/storage-pools", post_list, NULL },
	{ "GET", "/1.0/storage-pools/{name}", get_one, NULL },
	{ "PUT", "/1.0/storage-pools/{name}", put_one, NULL },
	{ "PATCH", "/1.0/storage-pools/{name}", patch_one, NULL },
	{ "DELETE", "/1.0/storage-pools/{name}", delete_one, NULL },
	{ "GET", "/1.0/storage-pools/{name}/resources", get_resources, NULL },
	{ .method = NULL },
};
