/* SPDX-License-Identifier: MIT */
/* /1.0/instances and what lies below it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/backups.h"
#include "api/disk_usage.h"
#include "api/images.h"
#include "api/instances_import.h"
#include "api/lifecycle.h"
#include "api/router.h"
#include "backup/migrate.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "instance/ephemeral.h"
#include "instance/fields.h"
#include "instance/instance.h"
#include "instance/move.h"
#include "instance/snapshot.h"

static void reply_change(struct request *r, struct op *op, const struct error *err, const char *action, const char *name)
{
	lifecycle_instance(request_berthd(r), op, action, name);
	reply_op(r, op, err);
}

/* ---- lists */

static bool passes(struct request *r, struct instance *inst, const struct filter *filter)
{
	struct error err = ERROR_INIT;
	const char *text;
	cJSON *v;
	bool ok;

	if (filter == NULL)
		return true;
	text = instance_text(request_berthd(r), inst);
	v = json_parse(text, strlen(text), &err);
	ok = v != NULL && filter_match(filter, v);
	cJSON_Delete(v);
	return ok;
}

static void list_one(struct request *r, struct instance *inst, unsigned fields, struct strbuf *out)
{
	struct berthd *b = request_berthd(r);

	if (out->len > 1)
		strbuf_addch(out, ',');
	if (fields != 0) {
		fields_text(b, inst, fields, out);
		return;
	}
	switch (request_recursion(r)) {
	case 0:
		strbuf_addf(out, "\"%s/%s\"", request_instances_prefix(r), inst->name);
		break;
	case 1:
		strbuf_addstr(out, instance_text(b, inst));
		break;
	default:
		instance_full_text(b, inst, out);
	}
}

/* 1: of containers, which all are; 0: of virtual machines, of which there are none. */
static int lists_any(struct request *r, struct error *err)
{
	const char *type = request_query(r, "instance-type"), *all = request_query(r, "all-projects");
	struct error ignored = ERROR_INIT;
	int on = 0;

	if (all != NULL && units_parse_bool(all, &on, &ignored) == 0 && on && request_query(r, "project") != NULL)
		return error_set(err, ERROR_INVALID, "Cannot specify a project when requesting all projects");
	if (type == NULL || type[0] == '\0' || strcmp(type, "container") == 0)
		return 1;
	return strcmp(type, "virtual-machine") == 0 ? 0 :
		error_set(err, ERROR_INVALID, "Invalid instance type \"%.64s\"", type);
}

static void get_list(struct request *r)
{
	struct registry *registry = request_berthd(r)->registry;
	const char *text = request_query(r, "filter");
	const char *wanted = request_query(r, "fields");
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct filter *filter = NULL;
	struct error err = ERROR_INIT;
	const char **names;
	unsigned fields = 0;
	int any = lists_any(r, &err);

	if (any <= 0) {
		any < 0 ? reply_error(r, &err) : reply_sync(r, cJSON_CreateArray());
		return;
	}
	if (wanted != NULL && fields_parse(wanted, &fields, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	if (text != NULL && text[0] != '\0' && (filter = filter_parse(text, &err)) == NULL) {
		reply_error(r, &err);
		return;
	}
	names = registry_names(registry);
	strbuf_addch(&out, '[');
	for (const char **n = names; *n != NULL; n++) {
		struct instance *inst = registry_get(registry, *n);

		if (passes(r, inst, filter))
			list_one(r, inst, fields, &out);
	}
	strbuf_addch(&out, ']');
	free(names);
	filter_free(filter);
	reply_sync_text(r, out.buf, out.len);
}

static void post_list(struct request *r)
{
	AUTO_JSON cJSON *body = cJSON_Duplicate(request_body(r), true);
	struct error err = ERROR_INIT;
	struct op *op;

	image_add_ways(request_berthd(r), json_obj(body, "source"));
	op = instance_create(request_berthd(r), body, &err);
	/* berthd finds a name when the request has none */
	reply_change(r, op, &err, "instance-created", op != NULL ? json_str_or(op_args(op), "name", "") : "");
}

/* ---- power */

static int read_state_request(const cJSON *body, struct power_options *ret, struct error *err)
{
	int timeout_s = (int)json_int(body, "timeout", -1);

	if (!cJSON_IsObject(body))
		return error_set(err, ERROR_INVALID, "the request body must be an object with an action");
	*ret = (struct power_options){ .timeout_s = timeout_s, .force = json_bool(body, "force", false) || timeout_s == 0 };
	if (json_bool(body, "stateful", false))
		return error_set(err, ERROR_UNSUPPORTED, "stateful stop and start are not supported");
	return power_action_parse(json_str_or(body, "action", ""), &ret->action, err);
}

static void put_list(struct request *r)
{
	struct power_options options;
	struct error err = ERROR_INIT;

	if (read_state_request(json_obj(request_body(r), "state"), &options, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_op(r, instance_power_all(request_berthd(r), &options, &err), &err);
}

static void put_state(struct request *r)
{
	struct instance *inst = request_instance(r);
	struct power_options options;
	struct error err = ERROR_INIT;

	if (inst == NULL)
		return;
	if (read_state_request(request_body(r), &options, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	if (ephemeral_ends(inst, &options))
		reply_change(r, ephemeral_stop(request_berthd(r), inst->name, &options, &err), &err, "instance-deleted", inst->name);
	else
		reply_op(r, instance_power(request_berthd(r), inst->name, &options, &err), &err);
}

static void reply_state(struct request *r, struct instance *inst, cJSON *disk)
{
	cJSON *v;

	if (inst == NULL) {
		cJSON_Delete(disk);
		reply_errorf(r, ERROR_NOT_FOUND, "Instance not found");
		return;
	}
	v = instance_state(request_berthd(r), inst);
	json_set(v, "disk", disk);
	reply_sync(r, v);
}

static void get_state(struct request *r)
{
	struct instance *inst = request_instance(r);

	if (inst != NULL)
		disk_usage(r, inst, reply_state);
}

/* ---- one instance */

static void reply_full(struct request *r, struct instance *inst, cJSON *disk)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	cJSON *v;

	if (inst == NULL) {
		cJSON_Delete(disk);
		reply_errorf(r, ERROR_NOT_FOUND, "Instance not found");
		return;
	}
	instance_full_text(request_berthd(r), inst, &out);
	v = json_parse(out.buf, out.len, &err);
	if (v == NULL) {
		cJSON_Delete(disk);
		reply_error(r, &err);
		return;
	}
	json_set(json_obj(v, "state"), "disk", disk);
	json_set(v, "backups", backups_of(request_berthd(r), inst));
	reply_sync_etag(r, v, instance_etag(inst));
}

static void get_one(struct request *r)
{
	struct instance *inst = request_instance(r);
	struct error err = ERROR_INIT;
	const char *text;
	cJSON *v;

	if (inst == NULL)
		return;
	if (request_recursion(r) > 0) {
		disk_usage(r, inst, reply_full);
		return;
	}
	text = instance_text(request_berthd(r), inst);
	v = json_parse(text, strlen(text), &err);
	if (v == NULL)
		reply_error(r, &err);
	else
		reply_sync_etag(r, v, instance_etag(inst));
}

/* Clients give it with the instance's name or without; LXD's event has the name. */
static char *restored_name(const char *name, const char *snapshot)
{
	return strchr(snapshot, '/') != NULL ? mem_strdup(snapshot) : mem_printf("%s/%s", name, snapshot);
}

/* PUT with "restore": the rest of the body counts for nothing, as in LXD. */
static void restore(struct request *r, const struct instance *inst)
{
	const cJSON *body = request_body(r);
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", inst->name);
	AUTO_FREE char *full = restored_name(inst->name, json_str_or(body, "restore", ""));
	struct error err = ERROR_INIT;
	struct op *op;

	if (json_bool(body, "stateful", false)) {
		error_set(&err, ERROR_INVALID, "Stateful snapshot restore requested by snapshot is stateless");
		reply_error(r, &err);
		return;
	}
	op = snapshot_restore(request_berthd(r), inst->name, json_str_or(body, "restore", ""), &err);
	lifecycle_after_with(request_berthd(r), op, "instance-restored", source, "snapshot", full);
	reply_op(r, op, &err);
}

static void change(struct request *r, bool patch)
{
	struct instance *inst = request_instance(r);
	struct error err = ERROR_INIT;
	struct op *op;

	if (inst == NULL || !request_etag_ok(r, instance_etag(inst)))
		return;
	if (!patch && json_str_or(request_body(r), "restore", "")[0] != '\0') {
		restore(r, inst);
		return;
	}
	op = instance_update(request_berthd(r), inst->name, request_body(r), patch, &err);
	lifecycle_instance(request_berthd(r), op, "instance-updated", inst->name);
	if (patch)
		reply_op_ended(r, op, NULL, &err); /* as LXD: no operation */
	else
		reply_op(r, op, &err);
}

static void put_one(struct request *r)
{
	change(r, false);
}

static void patch_one(struct request *r)
{
	change(r, true);
}

static void rename_one(struct request *r, const struct instance *inst, const char *name)
{
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", name);
	struct error err = ERROR_INIT;
	struct op *op = instance_rename(request_berthd(r), inst->name, name, &err);

	lifecycle_after_with(request_berthd(r), op, "instance-renamed", source, "old_name", inst->name);
	reply_op(r, op, &err);
}

static void post_one(struct request *r)
{
	struct instance *inst = request_instance(r);
	const cJSON *body = request_body(r);
	const char *name = json_str_or(body, "name", "");
	AUTO_FREE char *source = NULL;
	struct error err = ERROR_INIT;
	struct op *op;

	if (inst == NULL)
		return;
	if (json_bool(body, "migration", false) && json_str_or(body, "pool", "")[0] != '\0') {
		bool renames = name[0] != '\0' && strcmp(name, inst->name) != 0;

		source = mem_printf("/1.0/instances/%s", renames ? name : inst->name);
		op = instance_move(request_berthd(r), inst->name, body, &err);
		lifecycle_after_with(request_berthd(r), op, renames ? "instance-renamed" : "instance-updated", source, "old_name",
				     renames ? inst->name : NULL);
		reply_op(r, op, &err);
		return;
	}
	if (json_bool(body, "migration", false)) {
		reply_op(r, migrate_start(request_berthd(r), inst->name, NULL, body, &err), &err);
		return;
	}
	rename_one(r, inst, name);
}

static void post_rebuild(struct request *r)
{
	struct instance *inst = request_instance(r);
	struct error err = ERROR_INIT;

	if (inst != NULL)
		reply_change(r, instance_rebuild(request_berthd(r), inst->name, request_body(r), &err), &err,
			     "instance-rebuilt", inst->name);
}

static void delete_one(struct request *r)
{
	struct instance *inst = request_instance(r);
	const char *force = request_query(r, "force");
	struct error err = ERROR_INIT;
	int on = 0;

	if (inst == NULL)
		return;
	if (force != NULL && units_parse_bool(force, &on, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	reply_change(r, instance_delete(request_berthd(r), inst->name, on, &err), &err, "instance-deleted", inst->name);
}

/* ---- virtual machines: there are none, and none can be made */

static void get_virtual_machines(struct request *r)
{
	reply_sync(r, cJSON_CreateArray());
}

static void post_virtual_machines(struct request *r)
{
	reply_errorf(r, ERROR_UNSUPPORTED, "virtual machines are not supported: berth manages containers only");
}

static void get_virtual_machine(struct request *r)
{
	reply_errorf(r, ERROR_NOT_FOUND, "Instance not found");
}

const struct route instance_routes[] = {
	{ "GET", "/1.0/instances", get_list, NULL },
	{ "POST", "/1.0/instances", post_list, &instance_import_body },
	{ "PUT", "/1.0/instances", put_list, NULL },
	{ "GET", "/1.0/instances/{name}", get_one, NULL },
	{ "PUT", "/1.0/instances/{name}", put_one, NULL },
	{ "PATCH", "/1.0/instances/{name}", patch_one, NULL },
	{ "POST", "/1.0/instances/{name}", post_one, NULL },
	{ "DELETE", "/1.0/instances/{name}", delete_one, NULL },
	{ "POST", "/1.0/instances/{name}/rebuild", post_rebuild, NULL },
	{ "GET", "/1.0/instances/{name}/state", get_state, NULL },
	{ "PUT", "/1.0/instances/{name}/state", put_state, NULL },
	{ "GET", "/1.0/virtual-machines", get_virtual_machines, NULL },
	{ "POST", "/1.0/virtual-machines", post_virtual_machines, NULL },
	{ "GET", "/1.0/virtual-machines/{name}", get_virtual_machine, NULL },
	{ 0 },
};
