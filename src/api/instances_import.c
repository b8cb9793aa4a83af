/* SPDX-License-Identifier: MIT */
#include "api/instances_import.h"

#include <string.h>
#include <strings.h>

#include "api/lifecycle.h"
#include "api/request.h"
#include "backup/import.h"
#include "base/json.h"

static void *begin(struct request *r, struct error *err)
{
	const char *type = request_header(r, "Content-Type");

	if (type == NULL || strncasecmp(type, "application/octet-stream", 24) != 0)
		return (void *)-1;
	return import_new(request_berthd(r), err);
}

static int data(void *state, const void *bytes, size_t len, struct error *err)
{
	return import_write(state, bytes, len, err);
}

static void started(struct op *op, const struct error *err, void *request)
{
	struct request *r = request;

	if (op != NULL)
		lifecycle_instance(request_berthd(r), op, "instance-created", json_str_or(op_args(op), "name", ""));
	reply_op(r, op, err);
}

/* "" is none, as LXD takes it. */
static const char *header(struct request *r, const char *name)
{
	const char *v = request_header(r, name);

	return v != NULL && v[0] != '\0' ? v : NULL;
}

static void end(struct request *r, void *state)
{
	import_start(state, header(r, "X-LXD-name"), header(r, "X-LXD-pool"), started, r);
}

static void drop(void *state)
{
	import_abort(state);
}

const struct route_upload instance_import_body = { .begin = begin, .data = data, .end = end, .abort = drop };
