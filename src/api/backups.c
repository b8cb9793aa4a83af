/* SPDX-License-Identifier: MIT */
/* /1.0/instances/NAME/backups as in LXD, and /1.0/backups: all that lie in backup_path, also of instances that are gone. */
#include <stdlib.h>
#include <string.h>

#include "api/backups.h"
#include "api/events.h"
#include "api/lifecycle.h"
#include "api/router.h"
#include "api/server_config.h"
#include "backup/backup.h"
#include "backup/export.h"
#include "backup/format.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/instance.h"

/* LXD's InstanceBackup, and what we know beyond. */
static cJSON *lxd_backup(const cJSON *backup)
{
	cJSON *v = cJSON_Duplicate(backup, true);

	json_set_str(v, "name", json_str_or(backup, "file", ""));
	json_set_str(v, "expires_at", TIME_UNSET);
	json_set_bool(v, "instance_only", true);
	json_set_bool(v, "container_only", true);
	json_set_bool(v, "optimized_storage", false);
	return v;
}

/* The same of an export (backup/export.h). */
static cJSON *lxd_export(const cJSON *v)
{
	cJSON *out = cJSON_CreateObject();
	bool only = json_bool(v, "instance_only", false);

	json_set_str(out, "name", json_str_or(v, "name", ""));
	json_set_str(out, "created_at", json_str_or(v, "created_at", TIME_UNSET));
	json_set_str(out, "expires_at", json_str_or(v, "expires_at", TIME_UNSET));
	json_set_bool(out, "instance_only", only);
	json_set_bool(out, "container_only", only);
	json_set_bool(out, "optimized_storage", false);
	return out;
}

cJSON *backups_of(struct berthd *b, const struct instance *inst)
{
	AUTO_JSON cJSON *list = export_list(b, inst);
	cJSON *out = cJSON_CreateArray();
	const cJSON *v;

	cJSON_ArrayForEach(v, list)
		cJSON_AddItemToArray(out, lxd_export(v));
	return out;
}

static void add_exports(struct request *r, cJSON *out, const struct instance *inst, const char *prefix)
{
	AUTO_JSON cJSON *list = export_list(request_berthd(r), inst);
	const cJSON *v;

	cJSON_ArrayForEach(v, list) {
		AUTO_STRBUF struct strbuf url = STRBUF_INIT;

		if (request_recursion(r) > 0) {
			cJSON_AddItemToArray(out, lxd_export(v));
			continue;
		}
		strbuf_addf(&url, "%s/", prefix);
		strbuf_adduri(&url, json_str_or(v, "name", ""));
		cJSON_AddItemToArray(out, cJSON_CreateString(url.buf));
	}
}

static void reply_list(struct request *r, const char *instance, const char *prefix)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *list = backup_list(request_berthd(r), instance, &err);
	cJSON *out;
	const cJSON *v;

	if (list == NULL) {
		reply_error(r, &err);
		return;
	}
	out = cJSON_CreateArray();
	if (instance != NULL)
		add_exports(r, out, registry_get(request_berthd(r)->registry, instance), prefix);
	cJSON_ArrayForEach(v, list) {
		AUTO_FREE char *url = mem_printf("%s/%s", prefix, json_str_or(v, "file", ""));

		cJSON_AddItemToArray(out, request_recursion(r) > 0 ? lxd_backup(v) : cJSON_CreateString(url));
	}
	reply_sync(r, out);
}

static void instance_backups_get(struct request *r)
{
	AUTO_FREE char *prefix = NULL;

	if (request_instance(r) == NULL)
		return;
	prefix = mem_printf("%s/%s/backups", request_instances_prefix(r), request_param(r, "name"));
	reply_list(r, request_param(r, "name"), prefix);
}

static void backups_get(struct request *r)
{
	reply_list(r, NULL, "/1.0/backups");
}

static void announce(struct op *op, const char *name, void *data)
{
	lifecycle_instance(data, op, "instance-backup-created", name);
}

void backups_by_the_clock(struct berthd *b)
{
	backup_due_start(b, announce, b);
}

static void announce_export(struct request *r, struct op *op, const char *action, const char *name, const char *old_name)
{
	AUTO_STRBUF struct strbuf source = STRBUF_INIT;

	strbuf_addf(&source, "/1.0/instances/%s/backups/", request_param(r, "name"));
	strbuf_adduri(&source, name);
	lifecycle_after_with(request_berthd(r), op, action, source.buf, "old_name", old_name);
}

static void post_export(struct request *r)
{
	struct error err = ERROR_INIT;
	struct berthd *b = request_berthd(r);
	AUTO_JSON cJSON *all = cJSON_Duplicate(request_body(r), true);
	const char *usual = server_config_get(b->server, "backups.compression_algorithm");
	struct op *op;

	if (usual && !*json_str_or(all, "compression_algorithm", ""))
		json_set_str(all, "compression_algorithm", usual);
	op = export_create(b, request_param(r, "name"), all, &err);
	announce_export(r, op, "instance-backup-created", op != NULL ? json_str_or(op_args(op), "export", "") : "", NULL);
	reply_op(r, op, &err);
}

static void instance_backups_post(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *name = request_param(r, "name");
	struct error err = ERROR_INIT;
	struct op *op;

	if (export_asked(request_body(r))) {
		post_export(r);
		return;
	}
	op = backup_create(b, name, request_body(r), &err);
	announce(op, name, b);
	reply_op(r, op, &err);
}

static void reply_one(struct request *r, const char *instance, const char *file)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = backup_get(request_berthd(r), file, &err);

	if (v != NULL && instance != NULL && strcmp(json_str_or(v, "instance", ""), instance) != 0) {
		error_set(&err, ERROR_NOT_FOUND, "Backup not found: '%s' is none of '%s'", file, instance);
		json_cleanup(&v);
	}
	if (v == NULL)
		reply_error(r, &err);
	else
		reply_sync(r, lxd_backup(v));
}

/* Files of our own backups end with .7z; what is LXD's may have any name, so that one counts first. */
static bool is_export(struct request *r, const struct instance *inst)
{
	struct error none = ERROR_INIT;
	AUTO_JSON cJSON *v = export_get(request_berthd(r), inst, request_param(r, "backup"), &none);

	return v != NULL || backup_file_check(request_param(r, "backup"), &none) < 0;
}

static void reply_export(struct request *r, const struct instance *inst)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = export_get(request_berthd(r), inst, request_param(r, "backup"), &err);

	if (v == NULL)
		reply_error(r, &err);
	else
		reply_sync(r, lxd_export(v));
}

static void instance_backup_get(struct request *r)
{
	const struct instance *inst = request_instance(r);

	if (inst == NULL)
		return;
	if (is_export(r, inst))
		reply_export(r, inst);
	else
		reply_one(r, request_param(r, "name"), request_param(r, "backup"));
}

static void backup_get_one(struct request *r)
{
	reply_one(r, NULL, request_param(r, "backup"));
}

static void delete_one(struct request *r, const char *instance, const char *file)
{
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;
	struct op *op = backup_delete(b, instance, file, &err);
	const char *of = op != NULL ? json_str_or(op_args(op), "instance", "") : "";

	if (of[0] != '\0')
		lifecycle_instance(b, op, "instance-backup-deleted", of);
	reply_op(r, op, &err);
}

static void delete_export(struct request *r, const struct instance *inst)
{
	struct error err = ERROR_INIT;
	struct op *op = export_delete(request_berthd(r), inst, request_param(r, "backup"), &err);

	announce_export(r, op, "instance-backup-deleted", request_param(r, "backup"), NULL);
	reply_op(r, op, &err);
}

static void instance_backup_post(struct request *r)
{
	const struct instance *inst = request_instance(r);
	const char *to = json_str_or(request_body(r), "name", "");
	struct error err = ERROR_INIT;
	AUTO_FREE char *old = NULL;
	struct op *op;

	if (inst == NULL)
		return;
	op = export_rename(request_berthd(r), inst, request_param(r, "backup"), to, &err);
	old = mem_printf("%s/%s", request_param(r, "name"), request_param(r, "backup")); /* as LXD */
	announce_export(r, op, "instance-backup-renamed", to, old);
	reply_op(r, op, &err);
}

static void instance_backup_export(struct request *r)
{
	const struct instance *inst = request_instance(r);
	AUTO_STRBUF struct strbuf source = STRBUF_INIT;
	struct error err = ERROR_INIT;
	int fd;

	if (inst == NULL)
		return;
	fd = export_open(request_berthd(r), inst, request_param(r, "backup"), &err);
	if (fd < 0) {
		reply_error(r, &err);
		return;
	}
	strbuf_addf(&source, "/1.0/instances/%s/backups/", inst->name);
	strbuf_adduri(&source, request_param(r, "backup"));
	events_request(r, "instance-backup-retrieved", source.buf, NULL);
	reply_file(r, fd, "");
}

static void instance_backup_delete(struct request *r)
{
	const struct instance *inst = request_instance(r);

	if (inst == NULL)
		return;
	if (is_export(r, inst))
		delete_export(r, inst);
	else
		delete_one(r, request_param(r, "name"), request_param(r, "backup"));
}

static void backup_delete_one(struct request *r)
{
	delete_one(r, NULL, request_param(r, "backup"));
}

static void backup_verify_post(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = backup_verify(request_berthd(r), request_param(r, "backup"), &err);

	reply_op(r, op, &err);
}

/* {"keep":{"last":3,…},"dry_run":true} -> {"deleted":[files]} */
static void instance_prune_post(struct request *r)
{
	struct error err = ERROR_INIT;
	const cJSON *body = request_body(r), *keep = json_obj(body, "keep");
	cJSON *gone = NULL, *out;

	if (keep == NULL || keep->child == NULL)
		error_set(&err, ERROR_INVALID, "'keep' is missing: say what to keep, such as {\"last\":3,\"daily\":7}");
	else
		gone = backup_prune(request_berthd(r), request_param(r, "name"), keep, json_bool(body, "dry_run", false), &err);
	if (gone == NULL) {
		reply_error(r, &err);
		return;
	}
	out = cJSON_CreateObject();
	json_set(out, "deleted", gone);
	reply_sync(r, out);
}

const struct route backup_routes[] = {
	{ "GET", "/1.0/instances/{name}/backups", instance_backups_get, NULL },
	{ "POST", "/1.0/instances/{name}/backups", instance_backups_post, NULL },
	{ "POST", "/1.0/instances/{name}/backups/prune", instance_prune_post, NULL },
	{ "GET", "/1.0/instances/{name}/backups/{backup}", instance_backup_get, NULL },
	{ "POST", "/1.0/instances/{name}/backups/{backup}", instance_backup_post, NULL },
	{ "DELETE", "/1.0/instances/{name}/backups/{backup}", instance_backup_delete, NULL },
	{ "GET", "/1.0/instances/{name}/backups/{backup}/export", instance_backup_export, NULL },
	{ "GET", "/1.0/backups", backups_get, NULL },
	{ "GET", "/1.0/backups/{backup}", backup_get_one, NULL },
	{ "DELETE", "/1.0/backups/{backup}", backup_delete_one, NULL },
	{ "POST", "/1.0/backups/{backup}/verify", backup_verify_post, NULL },
	{ 0 },
};
