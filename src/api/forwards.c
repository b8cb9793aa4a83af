/* SPDX-License-Identifier: MIT */
/*
 * Port forwards: /1.0/networks/NAME/forwards as in LXD, and berth's own /1.0/instances/NAME/forwards and /1.0/forwards,
 * see host/forward.h.
 */
#include "host/forward.h"

#include <stdlib.h>
#include <string.h>

#include "api/lifecycle.h"
#include "api/networks.h"
#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "network/network.h"
#include "network/network_forward.h"

/* ---- of instances */

static void all_get(struct request *r)
{
	reply_sync(r, forward_list(request_berthd(r), NULL));
}

static void instance_get(struct request *r)
{
	if (request_instance(r))
		reply_sync(r, forward_list(request_berthd(r), request_param(r, "name")));
}

static void reply_change(struct request *r, struct op *op, const struct error *err)
{
	lifecycle_instance(request_berthd(r), op, "instance-updated", request_param(r, "name"));
	reply_op(r, op, err);
}

/* A list of the body that must be the only one of these. */
static const cJSON *the_list(struct request *r, const char *key)
{
	const cJSON *body = request_body(r);
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, key);

	return list && list == body->child && !list->next ? list : NULL;
}

static void instance_put(struct request *r)
{
	const cJSON *list = the_list(r, "forwards");
	struct error err = ERROR_INIT;

	if (!list) {
		reply_errorf(r, ERROR_INVALID, "the request body must be {\"forwards\": […]}");
		return;
	}
	reply_change(r, forward_set(request_berthd(r), request_param(r, "name"), list, &err), &err);
}

static void instance_patch(struct request *r)
{
	const cJSON *add = the_list(r, "add"), *remove = the_list(r, "remove");
	const char *name = request_param(r, "name");
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;

	if (add)
		reply_change(r, forward_add(b, name, add, &err), &err);
	else if (remove)
		reply_change(r, forward_remove(b, name, remove, &err), &err);
	else
		reply_errorf(r, ERROR_INVALID, "the request body must be {\"add\": […]} or {\"remove\": […]}");
}

/* ---- of networks: LXD answers when it is done, so the request waits for the operation */

static void reply_later(struct request *r, struct op *op, const char *action, const char *listen, struct error *err)
{
	AUTO_FREE char *url = mem_printf("/1.0/networks/%s/forwards/%s", request_param(r, "name"), listen);

	lifecycle_after(request_berthd(r), op, action, url);
	reply_op_ended(r, op, strcmp(action, "network-forward-created") == 0 ? url : NULL, err);
}

static bool network_there(struct request *r)
{
	const char *name = request_param(r, "name");

	if (!network_managed(request_berthd(r), name))
		reply_errorf(r, ERROR_NOT_FOUND, "Failed loading network: Network not found");
	else if (strcmp(network_driver(request_berthd(r), name), "bridge") != 0)
		reply_errorf(r, ERROR_INVALID, "Network driver \"%s\" does not support forwards",
			     network_driver(request_berthd(r), name));
	else
		return true;
	return false;
}

static cJSON *view(const cJSON *object)
{
	cJSON *v = cJSON_Duplicate(object, true);

	cJSON_DeleteItemFromObjectCaseSensitive(v, "network");
	json_set_str(v, "location", "none");
	return v;
}

static void of_network_list(struct request *r)
{
	AUTO_JSON cJSON *list = NULL;
	cJSON *out;
	const cJSON *object;

	if (!network_there(r))
		return;
	list = forward_network_list(request_berthd(r), request_param(r, "name"));
	out = cJSON_CreateArray();
	cJSON_ArrayForEach(object, list) {
		AUTO_FREE char *url = mem_printf("/1.0/networks/%s/forwards/%s", request_param(r, "name"),
						 json_str_or(object, "listen_address", ""));

		cJSON_AddItemToArray(out, request_recursion(r) > 0 ? view(object) : cJSON_CreateString(url));
	}
	reply_sync(r, out);
}

/* Begins it; object NULL: removes it. */
static struct op *begin(struct request *r, const char *listen, const cJSON *object, bool must_be_new, struct error *err)
{
	struct berthd *b = request_berthd(r);
	const char *network = request_param(r, "name");

	if (object && network_check_forward(network_get(b, network), listen, object, err) < 0) {
		error_wrap(err, "Failed %s forward", must_be_new ? "creating" : "updating");
		return NULL;
	}
	return forward_network_put(b, network, listen, object, must_be_new, err);
}

static void of_network_post(struct request *r)
{
	const char *listen = json_str_or(request_body(r), "listen_address", "");
	struct error err = ERROR_INIT;

	if (!network_there(r))
		return;
	if (!request_body(r)) {
		reply_errorf(r, ERROR_INVALID, "the request body must be an object");
		return;
	}
	reply_later(r, begin(r, listen, request_body(r), true, &err), "network-forward-created", listen, &err);
}

/* The forward of the path; NULL: 404 was replied. failed: LXD's first words, or "". */
static const cJSON *find(struct request *r, const char *failed, char etag[65])
{
	const cJSON *object;

	if (!network_there(r))
		return NULL;
	object = forward_network_get(request_berthd(r), request_param(r, "name"), request_param(r, "listen"));
	if (!object)
		reply_errorf(r, ERROR_NOT_FOUND, "%sNetwork forward not found", failed);
	else
		etag_of(object, etag);
	return object;
}

static void of_network_get(struct request *r)
{
	char etag[65];
	const cJSON *object = find(r, "", etag);

	if (object)
		reply_sync_etag(r, view(object), etag);
}

static void put(struct request *r, const cJSON *object, const char *action)
{
	const char *listen = request_param(r, "listen");
	struct error err = ERROR_INIT;

	reply_later(r, begin(r, listen, object, false, &err), action, listen, &err);
}

static void of_network_put(struct request *r)
{
	char etag[65];

	if (!find(r, "", etag) || !request_etag_ok(r, etag))
		return;
	if (request_body(r))
		put(r, request_body(r), "network-forward-updated");
	else
		reply_errorf(r, ERROR_INVALID, "the request body must be an object");
}

/* LXD: members that are there replace, keys of config are merged. */
static void of_network_patch(struct request *r)
{
	char etag[65];
	const cJSON *old = find(r, "", etag), *item;
	AUTO_JSON cJSON *new = NULL;

	if (!old || !request_etag_ok(r, etag))
		return;
	new = cJSON_Duplicate(old, true);
	cJSON_ArrayForEach(item, request_body(r)) {
		const cJSON *key;

		if (strcmp(item->string, "config") != 0) {
			json_set(new, item->string, cJSON_Duplicate(item, true));
			continue;
		}
		cJSON_ArrayForEach(key, item)
			json_set(json_obj(new, "config"), key->string, cJSON_Duplicate(key, true));
	}
	put(r, new, "network-forward-updated");
}

static void of_network_delete(struct request *r)
{
	char etag[65];

	if (find(r, "Failed deleting forward: ", etag))
		put(r, NULL, "network-forward-deleted");
}

const struct route forward_routes[] = {
	{ "GET", "/1.0/forwards", all_get, NULL },
	{ "GET", "/1.0/instances/{name}/forwards", instance_get, NULL },
	{ "PUT", "/1.0/instances/{name}/forwards", instance_put, NULL },
	{ "PATCH", "/1.0/instances/{name}/forwards", instance_patch, NULL },
	{ "GET", "/1.0/networks/{name}/forwards", of_network_list, NULL },
	{ "POST", "/1.0/networks/{name}/forwards", of_network_post, NULL },
	{ "GET", "/1.0/networks/{name}/forwards/{listen}", of_network_get, NULL },
	{ "PUT", "/1.0/networks/{name}/forwards/{listen}", of_network_put, NULL },
	{ "PATCH", "/1.0/networks/{name}/forwards/{listen}", of_network_patch, NULL },
	{ "DELETE", "/1.0/networks/{name}/forwards/{listen}", of_network_delete, NULL },
	{ .method = NULL },
};
