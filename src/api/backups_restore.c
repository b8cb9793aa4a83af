/* SPDX-License-Identifier: MIT */
/* POST /1.0/backups/{file}/restore, and the same below the instance; GET /1.0/backups/{file}/files?path=/etc/hosts. */
#include <string.h>

#include "api/lifecycle.h"
#include "api/request.h"
#include "api/router.h"
#include "backup/extract.h"
#include "backup/restore.h"
#include "base/json.h"

static void restore(struct request *r, const char *instance)
{
	AUTO_JSON cJSON *body = request_body(r) ? cJSON_Duplicate(request_body(r), true) : cJSON_CreateObject();
	struct error err = ERROR_INIT;
	struct op *op;

	if (instance)
		json_set_str(body, "instance", instance);
	op = backup_restore(request_berthd(r), request_param(r, "file"), body, &err);
	lifecycle_instance(request_berthd(r), op, "instance-restored", op ? json_str_or(op_args(op), "name", "") : "");
	reply_op(r, op, &err);
}

static void post_restore(struct request *r)
{
	restore(r, NULL);
}

static void post_instance_restore(struct request *r)
{
	restore(r, request_param(r, "name"));
}

/* ---- one path; what it is stands in headers, as in LXD's files API */

static void extracted(const struct extracted *x, const struct error *err, void *data)
{
	struct request *r = data;
	const char *path = request_query(r, "path"), *slash = strrchr(path, '/');

	request_on_gone(r, NULL);
	if (x == NULL) {
		reply_error(r, err);
		return;
	}
	reply_file_type(r, x->type, x->mode, x->uid, x->gid);
	reply_file(r, x->fd, slash ? slash + 1 : path);
}

static void left(struct request *r)
{
	extract_cancel(request_data(r));
}

static void get_file(struct request *r)
{
	const char *path = request_query(r, "path");
	struct error err = ERROR_INIT;
	struct extract *e;

	if (!path || !*path) {
		reply_errorf(r, ERROR_INVALID, "which path? (path=/etc/hosts)");
		return;
	}
	e = extract_start(request_berthd(r), request_param(r, "file"), path, extracted, r, &err);
	if (e == NULL) {
		reply_error(r, &err);
		return;
	}
	request_set_data(r, e);
	request_on_gone(r, left);
}

const struct route backup_restore_routes[] = {
	{ "POST", "/1.0/backups/{file}/restore", post_restore, NULL },
	{ "GET", "/1.0/backups/{file}/files", get_file, NULL },
	{ "POST", "/1.0/instances/{name}/backups/{file}/restore", post_instance_restore, NULL },
	{ 0 },
};
