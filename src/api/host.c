/* SPDX-License-Identifier: MIT */
/* /1.0/host: the host as a whole; berthd's own, LXD has none of it. */
#include "host/host.h"

#include <stdlib.h>

#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"

static void host_get(struct request *r)
{
	reply_sync(r, host_status(request_berthd(r)));
}

static void reply_op(struct request *r, struct op *op, const struct error *err)
{
	if (op == NULL)
		reply_error(r, err);
	else
		reply_operation(r, op);
}

static void load_post(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = host_load(request_berthd(r), request_body(r), &err);

	reply_op(r, op, &err);
}

static void unload_post(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = host_unload(request_berthd(r), request_body(r), &err);

	reply_op(r, op, &err);
}

static void scan_post(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = host_scan(request_berthd(r), request_body(r), &err);

	reply_op(r, op, &err);
}

/* ---- GET /1.0/host/check */

struct waiter {
	struct request *request;
	struct host_check *check;
};

static void checked(const cJSON *findings, const struct error *err, void *data)
{
	struct waiter *w = data;
	struct request *r = w->request;

	free(w);
	if (findings != NULL)
		reply_sync(r, cJSON_Duplicate(findings, true));
	else
		reply_error(r, err);
}

static void gone(struct request *r)
{
	struct waiter *w = request_data(r);

	host_check_cancel(w->check);
	free(w);
}

static void check_get(struct request *r)
{
	struct waiter *w = mem_alloc(sizeof(*w));
	struct error err = ERROR_INIT;

	w->request = r;
	w->check = host_check_run(request_berthd(r), checked, w, &err);
	if (w->check == NULL) {
		free(w);
		reply_error(r, &err);
		return;
	}
	request_set_data(r, w);
	request_on_gone(r, gone);
}

const struct route host_routes[] = {
	{ "GET", "/1.0/host", host_get, NULL },
	{ "GET", "/1.0/host/check", check_get, NULL },
	{ "POST", "/1.0/host/load", load_post, NULL },
	{ "POST", "/1.0/host/unload", unload_post, NULL },
	{ "POST", "/1.0/host/scan", scan_post, NULL },
	{ NULL, NULL, NULL, NULL },
};
