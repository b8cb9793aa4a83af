/* SPDX-License-Identifier: MIT */
/* /1.0/host: the host as a whole; berthd's own, LXD has none of it. */
#include "host/host.h"

#include <stdlib.h>

#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/registry.h"
#include "instance/shutdown.h"

/* ---- GET /1.0/host: unloaded, nobody tells of starts by hand: LXC is asked first */

struct asked {
	struct request *request; /* NULL: the client left */
};

static void told(void *data)
{
	struct asked *a = data;
	struct request *r = a->request;

	free(a);
	if (r == NULL)
		return;
	request_on_gone(r, NULL);
	reply_sync(r, host_status(request_berthd(r)));
}

static void asker_gone(struct request *r)
{
	((struct asked *)request_data(r))->request = NULL;
}

static void host_get(struct request *r)
{
	struct asked *a;

	if (host_loaded(request_berthd(r))) {
		reply_sync(r, host_status(request_berthd(r)));
		return;
	}
	a = mem_alloc(sizeof(*a));
	a->request = r;
	request_set_data(r, a);
	request_on_gone(r, asker_gone);
	registry_sync(request_berthd(r)->registry, told, a);
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

static void stop_post(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = instance_shutdown_all(request_berthd(r), &err);

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
	{ "POST", "/1.0/host/stop", stop_post, NULL },
	{ NULL, NULL, NULL, NULL },
};
