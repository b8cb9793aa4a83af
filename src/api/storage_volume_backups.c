/* SPDX-License-Identifier: MIT */
/* /1.0/storage-pools/POOL/volumes/custom/NAME/backups, and volumes that are made of a backup. */
#include <string.h>
#include <strings.h>

#include "api/events.h"
#include "api/lifecycle.h"
#include "api/server_config.h"
#include "api/storage_volumes.h"
#include "backup/import.h"
#include "backup/volume_export.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

/* LXD's StoragePoolVolumeBackup */
static cJSON *lxd_backup(const cJSON *v)
{
	cJSON *out = cJSON_CreateObject();

	json_set_str(out, "name", json_str_or(v, "name", ""));
	json_set_str(out, "created_at", json_str_or(v, "created_at", TIME_UNSET));
	json_set_str(out, "expires_at", json_str_or(v, "expires_at", TIME_UNSET));
	json_set_bool(out, "volume_only", json_bool(v, "volume_only", false));
	json_set_bool(out, "optimized_storage", false);
	return out;
}

static void add_url(struct request *r, const char *name, struct strbuf *url)
{
	AUTO_FREE char *volume = storage_volume_url(request_param(r, "name"), request_param(r, "volume"), NULL);

	strbuf_addf(url, "%s/backups/", volume);
	strbuf_adduri(url, name);
}

static void announce(struct request *r, struct op *op, const char *action, const char *name, const char *key,
		     const char *value)
{
	AUTO_STRBUF struct strbuf url = STRBUF_INIT;

	add_url(r, name, &url);
	lifecycle_after_with(request_berthd(r), op, action, url.buf, key, value);
}

static void list(struct request *r)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *all = NULL;
	const cJSON *v;
	cJSON *out;

	if (!storage_volume_is_custom(r))
		return;
	all = volume_export_list(request_berthd(r), request_param(r, "name"), request_param(r, "volume"), &err);
	if (all == NULL) {
		reply_error(r, &err);
		return;
	}
	out = cJSON_CreateArray();
	cJSON_ArrayForEach(v, all) {
		AUTO_STRBUF struct strbuf url = STRBUF_INIT;

		add_url(r, json_str_or(v, "name", ""), &url);
		cJSON_AddItemToArray(out, request_recursion(r) > 0 ? lxd_backup(v) : cJSON_CreateString(url.buf));
	}
	reply_sync(r, out);
}

static void create(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *usual = server_config_get(b->server, "backups.compression_algorithm");
	AUTO_JSON cJSON *body = cJSON_Duplicate(request_body(r), true);
	struct error err = ERROR_INIT;
	struct op *op;

	if (!storage_volume_is_custom(r))
		return;
	if (usual != NULL && json_str_or(body, "compression_algorithm", "")[0] == '\0')
		json_set_str(body, "compression_algorithm", usual);
	op = volume_export_create(b, request_param(r, "name"), request_param(r, "volume"), body, &err);
	announce(r, op, "storage-volume-backup-created", op != NULL ? json_str_or(op_args(op), "export", "") : "", "type",
		 "custom");
	reply_op(r, op, &err);
}

static void get_one(struct request *r)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;

	if (!storage_volume_is_custom(r))
		return;
	v = volume_export_get(request_berthd(r), request_param(r, "name"), request_param(r, "volume"), request_param(r, "backup"), &err);
	if (v != NULL)
		reply_sync(r, lxd_backup(v));
	else
		reply_error(r, &err);
}

static void rename_one(struct request *r)
{
	const char *to = json_str_or(request_body(r), "name", "");
	struct error err = ERROR_INIT;
	struct op *op;

	if (!storage_volume_is_custom(r))
		return;
	op = volume_export_rename(request_berthd(r), request_param(r, "name"), request_param(r, "volume"), request_param(r, "backup"), to,
				  &err);
	announce(r, op, "storage-volume-backup-renamed", to, "old_name", request_param(r, "backup"));
	reply_op(r, op, &err);
}

static void delete_one(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op;

	if (!storage_volume_is_custom(r))
		return;
	op = volume_export_delete(request_berthd(r), request_param(r, "name"), request_param(r, "volume"), request_param(r, "backup"), &err);
	announce(r, op, "storage-volume-backup-deleted", request_param(r, "backup"), NULL, NULL);
	reply_op(r, op, &err);
}

static void export_one(struct request *r)
{
	AUTO_STRBUF struct strbuf url = STRBUF_INIT;
	struct error err = ERROR_INIT;
	int fd;

	if (!storage_volume_is_custom(r))
		return;
	fd = volume_export_open(request_berthd(r), request_param(r, "name"), request_param(r, "volume"), request_param(r, "backup"), &err);
	if (fd < 0) {
		reply_error(r, &err);
		return;
	}
	add_url(r, request_param(r, "backup"), &url);
	events_request(r, "storage-volume-backup-retrieved", url.buf, NULL);
	reply_file(r, fd, "");
}

/* ---- import */

static void *begin(struct request *r, struct error *err)
{
	const char *type = request_header(r, "Content-Type");

	if (type == NULL || strncasecmp(type, "application/octet-stream", 24) != 0)
		return (void *)-1;
	if (strcmp(request_param(r, "type"), "custom") == 0)
		return import_new(request_berthd(r), err);
	error_set(err, ERROR_INVALID, "Invalid storage volume type \"%.64s\": only custom volumes are made of backups",
		  request_param(r, "type"));
	return NULL;
}

static int data(void *state, const void *bytes, size_t len, struct error *err)
{
	return import_write(state, bytes, len, err);
}

static void started(struct op *op, const struct error *err, void *request)
{
	struct request *r = request;
	AUTO_FREE char *url = storage_volume_url(request_param(r, "name"), op != NULL ? json_str_or(op_args(op), "volume", "") : "", NULL);

	lifecycle_after_with(request_berthd(r), op, "storage-volume-created", url, "type", "custom");
	reply_op(r, op, err);
}

static void end(struct request *r, void *state)
{
	const char *name = request_header(r, "X-LXD-name");

	import_start_volume(state, name != NULL && name[0] != '\0' ? name : NULL, request_param(r, "name"), started, r);
}

static void drop(void *state)
{
	import_abort(state);
}

const struct route_upload storage_volume_import_body = { .begin = begin, .data = data, .end = end, .abort = drop };

const struct route storage_volume_backup_routes[] = {
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/backups", list, NULL },
	{ "POST", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/backups", create, NULL },
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/backups/{backup}", get_one, NULL },
	{ "POST", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/backups/{backup}", rename_one, NULL },
	{ "DELETE", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/backups/{backup}", delete_one, NULL },
	{ "GET", "/1.0/storage-pools/{name}/volumes/{type}/{volume}/backups/{backup}/export", export_one, NULL },
	{ .method = NULL },
};
