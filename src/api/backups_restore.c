/* SPDX-License-Identifier: MIT */
/* POST /1.0/backups/{file}/restore, and the same below the instance. */
#include <stdlib.h>

#include "api/lifecycle.h"
#include "api/router.h"
#include "backup/restore.h"
#include "base/json.h"
#include "base/mem.h"

static void restore(struct request *r, const char *instance)
{
	AUTO_JSON cJSON *body = request_body(r) ? cJSON_Duplicate(request_body(r), true) : cJSON_CreateObject();
	AUTO_FREE char *source = NULL;
	struct error err = ERROR_INIT;
	struct op *op;

	if (instance)
		json_set_str(body, "instance", instance);
	op = backup_restore(request_berthd(r), request_param(r, "file"), body, &err);
	if (op == NULL) {
		reply_error(r, &err);
		return;
	}
	source = mem_printf("/1.0/instances/%s", json_str_or(op_args(op), "name", ""));
	lifecycle_after(request_berthd(r), op, "instance-restored", source);
	reply_operation(r, op);
}

static void post_restore(struct request *r)
{
	restore(r, NULL);
}

static void post_instance_restore(struct request *r)
{
	restore(r, request_param(r, "name"));
}

const struct route backup_restore_routes[] = {
	{ "POST", "/1.0/backups/{file}/restore", post_restore, NULL },
	{ "POST", "/1.0/instances/{name}/backups/{file}/restore", post_instance_restore, NULL },
	{ 0 },
};
