/* SPDX-License-Identifier: MIT */
/* /1.0/operations: list, look, wait, cancel. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/migration.h"
#include "api/router.h"
#include "api/sockets.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "instance/migrate_link.h"

struct listing {
	cJSON *groups; /* {"running":[…],"success":[…]} */
	bool full;
};

static void add_operation(struct op *op, void *data)
{
	struct listing *l = data;
	cJSON *object = op_json(op), *group;
	AUTO_FREE char *status = mem_strdup(json_str_or(object, "status", "unknown")), *url = NULL;
	char *p;

	for (p = status; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	group = json_arr(l->groups, status);
	if (!group) {
		group = cJSON_CreateArray();
		json_set(l->groups, status, group);
	}
	if (l->full) {
		cJSON_AddItemToArray(group, object);
		return;
	}
	cJSON_Delete(object);
	url = mem_printf("/1.0/operations/%s", op_id(op));
	cJSON_AddItemToArray(group, cJSON_CreateString(url));
}

static void operations_get(struct request *r)
{
	struct listing l = { cJSON_CreateObject(), request_recursion(r) > 0 };

	op_foreach(request_berthd(r)->ops, add_operation, &l);
	reply_sync(r, l.groups);
}

/* The operation of the path; NULL: 404 was replied. */
static struct op *find(struct request *r)
{
	struct op *op = op_find(request_berthd(r)->ops, request_param(r, "id"));

	if (!op)
		reply_errorf(r, ERROR_NOT_FOUND, "Operation not found");
	return op;
}

static void operation_get(struct request *r)
{
	struct op *op = find(r);

	if (op)
		reply_sync(r, op_json(op));
}

static void operation_delete(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = find(r);

	if (!op)
		return;
	if (op_cancel(op, &err) < 0)
		reply_error(r, &err);
	else
		reply_sync(r, NULL);
}

/* ---- GET /1.0/operations/ID/wait */

struct waiter {
	struct request *request;
	struct op *op;
	struct op_wait *wait; /* NULL once it fired */
	uv_timer_t timer;     /* closed by waiter_end() */
};

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

static void waiter_end(struct waiter *w)
{
	if (w->wait)
		op_wait_cancel(w->wait);
	uv_close((uv_handle_t *)&w->timer, closed_cb);
}

static void waiter_reply(struct waiter *w)
{
	reply_sync(w->request, op_json(w->op));
	waiter_end(w);
}

static void ended_cb(struct op *op, void *data)
{
	struct waiter *w = data;

	w->wait = NULL;
	waiter_reply(w);
}

static void timeout_cb(uv_timer_t *t)
{
	waiter_reply(t->data);
}

static void gone_cb(struct request *r)
{
	waiter_end(request_data(r));
}

static void wait_for(struct request *r, struct op *op, int64_t timeout_s)
{
	struct waiter *w = mem_alloc(sizeof(*w));

	w->request = r;
	w->op = op;
	uv_timer_init(request_berthd(r)->loop, &w->timer);
	w->timer.data = w;
	if (timeout_s >= 0)
		uv_timer_start(&w->timer, timeout_cb, (uint64_t)timeout_s * 1000, 0);
	request_set_data(r, w);
	request_on_gone(r, gone_cb);
	w->wait = op_on_end(op, ended_cb, w);
}

/* Servers that send us images have no certificate of ours, but the secret in what we answered. */
static bool may_wait(const struct request *r)
{
	const char *secret = request_query(r, "secret");
	struct op *op = op_find(request_berthd(r)->ops, request_param(r, "id"));
	AUTO_JSON cJSON *v = NULL;

	if (request_trusted(r))
		return true;
	if (!op || !secret || !*secret || strcmp(op_class(op), "task") != 0)
		return false;
	v = op_json(op);
	return text_same_secret(json_str_or(json_obj(v, "metadata"), "secret", ""), secret);
}

static void operation_wait(struct request *r)
{
	const char *text = request_query(r, "timeout");
	struct error err = ERROR_INIT;
	int64_t timeout_s = -1;
	struct op *op;

	if (!may_wait(r)) {
		reply_errorf(r, ERROR_FORBIDDEN, "not authorized");
		return;
	}
	op = find(r);
	if (!op)
		return;
	if (text && *text && units_parse_int(text, -1, INT32_MAX, &timeout_s, &err) < 0) {
		error_wrap(&err, "timeout");
		reply_error(r, &err);
	} else if (op_status(op) >= OP_SUCCESS || timeout_s == 0) {
		reply_sync(r, op_json(op));
	} else {
		wait_for(r, op, timeout_s);
	}
}

/* ---- GET /1.0/operations/ID/websocket?secret=S */

static void operation_websocket(struct request *r)
{
	const char *secret = request_query(r, "secret");
	struct op *op;

	if (!secret || !*secret) {
		reply_errorf(r, ERROR_INVALID, "missing secret");
		return;
	}
	op = find(r);
	if (!op)
		return;
	if (strcmp(op_class(op), "websocket") != 0)
		reply_errorf(r, ERROR_INVALID, "Only websocket operations can be connected");
	else if (op_final(op))
		reply_errorf(r, ERROR_INVALID, "Only running operations can be connected");
	else if (migrate_link_of(op))
		migration_connect(migrate_link_of(op), r);
	else if (op_recovering(op)) /* what is left of a migration */
		reply_errorf(r, ERROR_INVALID, "Only running operations can be connected");
	else
		sockets_connect(*(struct sockets **)op_data(op), r);
}

const struct route operation_routes[] = {
	{ "GET", "/1.0/operations", operations_get, NULL },
	{ "GET", "/1.0/operations/{id}", operation_get, NULL },
	{ "DELETE", "/1.0/operations/{id}", operation_delete, NULL },
	{ "GET", "/1.0/operations/{id}/wait", operation_wait, NULL },
	{ "GET", "/1.0/operations/{id}/websocket", operation_websocket, NULL },
	{ NULL, NULL, NULL, NULL },
};
