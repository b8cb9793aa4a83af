/* SPDX-License-Identifier: MIT */
/* /1.0/instances/{name}/snapshots and what lies below it. */
#include "api/snapshots.h"

#include <stdlib.h>

#include "api/lifecycle.h"
#include "api/router.h"
#include "backup/migrate.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "instance/snapshot.h"

static const cJSON *find(struct request *r, struct instance **ret_instance)
{
	struct error err = ERROR_INIT;
	const cJSON *snapshot;

	*ret_instance = request_instance(r);
	if (*ret_instance == NULL)
		return NULL;
	snapshot = snapshot_find(request_berthd(r), *ret_instance, request_param(r, "snapshot"), &err);
	if (snapshot == NULL)
		reply_error(r, &err);
	return snapshot;
}

/* ---- events */

static char *source_of(const char *name, const char *snapshot)
{
	struct strbuf out = STRBUF_INIT;

	strbuf_addf(&out, "/1.0/instances/%s/snapshots/", name);
	strbuf_adduri(&out, snapshot);
	return strbuf_detach(&out);
}

static void announce(struct berthd *b, struct op *op, const char *action, const char *name, const char *snapshot,
		     const char *old_name)
{
	AUTO_FREE char *source = source_of(name, snapshot);
	AUTO_FREE char *full = mem_printf("instance-snapshot-%s", action);

	lifecycle_after_with(b, op, full, source, "old_name", old_name);
}

static void started_cb(struct op *op, const char *action, const char *name, const char *snapshot, void *data)
{
	announce(data, op, action, name, snapshot, NULL);
}

void snapshots_by_the_clock(struct berthd *b)
{
	snapshot_due_start(b, started_cb, b);
}

static void reply_change(struct request *r, struct op *op, const struct error *err, const char *action)
{
	const cJSON *args = op != NULL ? op_args(op) : NULL;

	if (op != NULL)
		announce(request_berthd(r), op, action, request_param(r, "name"),
			 json_str_or(args, "to", json_str_or(args, "snapshot", "")),
			 json_str(args, "to") != NULL ? request_param(r, "snapshot") : NULL);
	reply_op(r, op, err);
}

/* ---- the list */

static void get_list(struct request *r)
{
	struct instance *inst = request_instance(r);
	cJSON *list;
	const cJSON *item;

	if (inst == NULL)
		return;
	list = cJSON_CreateArray();
	cJSON_ArrayForEach(item, snapshot_list(request_berthd(r), inst)) {
		AUTO_STRBUF struct strbuf url = STRBUF_INIT;

		if (request_recursion(r) > 0) {
			cJSON_AddItemToArray(list, snapshot_view(request_berthd(r), item));
			continue;
		}
		strbuf_addf(&url, "%s/%s/snapshots/", request_instances_prefix(r), inst->name);
		strbuf_adduri(&url, json_str_or(item, "name", ""));
		cJSON_AddItemToArray(list, cJSON_CreateString(url.buf));
	}
	reply_sync(r, list);
}

static void post_list(struct request *r)
{
	struct instance *inst = request_instance(r);
	struct error err = ERROR_INIT;

	if (inst != NULL)
		reply_change(r, snapshot_create(request_berthd(r), inst->name, request_body(r), &err), &err, "created");
}

/* ---- one */

/* Over what PUT may change. */
static void etag_of_snapshot(const cJSON *snapshot, char out[65])
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	json_set_str(v, "expires_at", json_str_or(snapshot, "expires_at", ""));
	etag_of(v, out);
}

static void get_one(struct request *r)
{
	struct instance *inst;
	const cJSON *snapshot = find(r, &inst);
	char etag[65];

	if (snapshot == NULL)
		return;
	etag_of_snapshot(snapshot, etag);
	reply_sync_etag(r, snapshot_view(request_berthd(r), snapshot), etag);
}

static void change(struct request *r, bool patch)
{
	struct instance *inst;
	const cJSON *snapshot = find(r, &inst);
	struct error err = ERROR_INIT;
	char etag[65];
	struct op *op;

	if (snapshot == NULL)
		return;
	etag_of_snapshot(snapshot, etag);
	if (!request_etag_ok(r, etag))
		return;
	op = snapshot_update(request_berthd(r), inst->name, request_param(r, "snapshot"), request_body(r), patch, &err);
	reply_change(r, op, &err, "updated");
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
	struct instance *inst;
	const cJSON *body = request_body(r);
	struct error err = ERROR_INIT;
	struct op *op;

	if (find(r, &inst) == NULL)
		return;
	if (json_bool(body, "migration", false)) {
		reply_op(r, migrate_start(request_berthd(r), inst->name, request_param(r, "snapshot"), body, &err), &err);
		return;
	}
	op = snapshot_rename(request_berthd(r), inst->name, request_param(r, "snapshot"), json_str_or(body, "name", ""), &err);
	reply_change(r, op, &err, "renamed");
}

static void delete_one(struct request *r)
{
	struct instance *inst;
	struct error err = ERROR_INIT;

	if (find(r, &inst) != NULL)
		reply_change(r, snapshot_delete(request_berthd(r), inst->name, request_param(r, "snapshot"), &err), &err, "deleted");
}

const struct route snapshot_routes[] = {
	{ "GET", "/1.0/instances/{name}/snapshots", get_list, NULL },
	{ "POST", "/1.0/instances/{name}/snapshots", post_list, NULL },
	{ "GET", "/1.0/instances/{name}/snapshots/{snapshot}", get_one, NULL },
	{ "PUT", "/1.0/instances/{name}/snapshots/{snapshot}", put_one, NULL },
	{ "PATCH", "/1.0/instances/{name}/snapshots/{snapshot}", patch_one, NULL },
	{ "POST", "/1.0/instances/{name}/snapshots/{snapshot}", post_one, NULL },
	{ "DELETE", "/1.0/instances/{name}/snapshots/{snapshot}", delete_one, NULL },
	{ 0 },
};
