/* SPDX-License-Identifier: MIT */
/* /1.0/volumes: berth's own resource, see instance/volume.h. */
#include <string.h>

#include "api/lifecycle.h"
#include "api/router.h"
#include "api/tree_usage.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/volume.h"


static char *url_of(const char *owner, const char *name)
{
	return mem_printf("/1.0/volumes/%s/%s", owner, name);
}

static void reply_volume(struct request *r, struct op *op, const struct error *err, const char *action,
			 const char *source)
{
	lifecycle_after(request_berthd(r), op, action, source);
	reply_op(r, op, err);
}

static void reply_attached(struct request *r, struct op *op, const struct error *err, const char *instance)
{
	lifecycle_instance(request_berthd(r), op, "instance-updated", instance);
	reply_op(r, op, err);
}

/* ---- lists */

static void get_list(struct request *r)
{
	struct error err = ERROR_INIT;
	cJSON *list = volume_list(request_berthd(r), request_query(r, "owner"), &err), *urls;
	const cJSON *v;

	if (list == NULL) {
		reply_error(r, &err);
		return;
	}
	if (request_recursion(r) > 0) {
		reply_sync(r, list);
		return;
	}
	urls = cJSON_CreateArray();
	cJSON_ArrayForEach(v, list) {
		AUTO_FREE char *url = url_of(json_str(v, "owner"), json_str(v, "name"));

		cJSON_AddItemToArray(urls, cJSON_CreateString(url));
	}
	cJSON_Delete(list);
	reply_sync(r, urls);
}

static void post_list(struct request *r)
{
	const char *owner = json_str_or(request_body(r), "owner", ""), *name = json_str_or(request_body(r), "name", "");
	AUTO_FREE char *source = url_of(owner, name);
	struct error err = ERROR_INIT;

	reply_volume(r, volume_create(request_berthd(r), owner, name, &err), &err, "storage-volume-created", source);
}

/* ---- one, with what it takes of the disk */

/* One that takes long to count has no "usage". */
static void counted(struct request *r, void *data, const unsigned long long *bytes, const struct error *err)
{
	cJSON *volume = data;

	if (bytes != NULL)
		json_set_int(volume, "usage", (int64_t)*bytes);
	if (r != NULL)
		reply_sync(r, volume);
	else
		cJSON_Delete(volume);
}

static void get_one(struct request *r)
{
	struct error err = ERROR_INIT;
	cJSON *volume = volume_get(request_berthd(r), request_param(r, "owner"), request_param(r, "name"), &err);

	if (volume == NULL) {
		reply_error(r, &err);
		return;
	}
	tree_usage(r, json_str(volume, "path"), TREE_USAGE_MS, counted, volume);
}

static void delete_one(struct request *r)
{
	const char *owner = request_param(r, "owner"), *name = request_param(r, "name");
	AUTO_FREE char *source = url_of(owner, name);
	struct error err = ERROR_INIT;

	reply_volume(r, volume_delete(request_berthd(r), owner, name, &err), &err, "storage-volume-deleted", source);
}

/* {"instance": the owner unless it says another, "name": of the device, "path", "readonly", "create"} */
static void post_attach(struct request *r)
{
	const char *owner = request_param(r, "owner"), *name = request_param(r, "name");
	const char *instance = json_str_or(request_body(r), "instance", owner);
	AUTO_JSON cJSON *request = request_body(r) != NULL ? cJSON_Duplicate(request_body(r), true) : cJSON_CreateObject();
	struct error err = ERROR_INIT;

	json_set_strf(request, "source", "%s/%s", owner, name);
	if (json_str(request, "name") == NULL)
		json_set_str(request, "name", name);
	reply_attached(r, volume_attach(request_berthd(r), instance, request, &err), &err, instance);
}

static void post_detach(struct request *r)
{
	const char *owner = request_param(r, "owner"), *name = request_param(r, "name");
	const char *instance = json_str_or(request_body(r), "instance", owner);
	AUTO_JSON cJSON *request = cJSON_CreateObject();
	struct error err = ERROR_INIT;

	json_set_strf(request, "name", "%s/%s", owner, name);
	reply_attached(r, volume_detach(request_berthd(r), instance, request, &err), &err, instance);
}

const struct route volume_routes[] = {
	{ "GET", "/1.0/volumes", get_list, NULL },
	{ "POST", "/1.0/volumes", post_list, NULL },
	{ "GET", "/1.0/volumes/{owner}/{name}", get_one, NULL },
	{ "DELETE", "/1.0/volumes/{owner}/{name}", delete_one, NULL },
	{ "POST", "/1.0/volumes/{owner}/{name}/attach", post_attach, NULL },
	{ "POST", "/1.0/volumes/{owner}/{name}/detach", post_detach, NULL },
	{ 0 },
};
