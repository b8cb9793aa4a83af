/* SPDX-License-Identifier: MIT */
#include "api/terminals.h"

#include <stdlib.h>

#include "api/events.h"
#include "api/router.h"
#include "base/mem.h"
#include "terminal/terminal.h"

void terminal_opened(struct berthd *b, const char *action, const char *instance, cJSON *context_taken)
{
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", instance);

	events_lifecycle(b->events, action, source, context_taken, NULL);
}

/* The request may leave while ttyd is asked for its version. */
struct wait {
	struct request *request; /* NULL: gone */
};

static void ready_cb(void *data)
{
	struct wait *w = data;
	struct request *r = w->request;
	struct error err = ERROR_INIT;
	cJSON *v;

	free(w);
	if (!r)
		return;
	v = terminal_create(request_berthd(r), request_param(r, "name"), request_body(r), &err);
	if (v)
		reply_sync(r, v);
	else
		reply_error(r, &err);
}

static void gone_cb(struct request *r)
{
	struct wait *w = request_data(r);

	w->request = NULL;
}

static void terminal_post(struct request *r)
{
	struct wait *w = mem_alloc(sizeof(*w));

	w->request = r;
	request_set_data(r, w);
	request_on_gone(r, gone_cb);
	terminal_ready(request_berthd(r), ready_cb, w);
}

static void terminals_get(struct request *r)
{
	cJSON *list = terminal_list(request_berthd(r)), *urls;
	const cJSON *item;

	if (request_recursion(r) > 0) {
		reply_sync(r, list);
		return;
	}
	urls = cJSON_CreateArray();
	cJSON_ArrayForEach(item, list) {
		AUTO_FREE char *url = mem_printf("/1.0/terminals/%s", cJSON_GetObjectItem(item, "id")->valuestring);

		cJSON_AddItemToArray(urls, cJSON_CreateString(url));
	}
	cJSON_Delete(list);
	reply_sync(r, urls);
}

static void terminal_get_one(struct request *r)
{
	struct error err = ERROR_INIT;
	cJSON *v = terminal_get(request_berthd(r), request_param(r, "id"), &err);

	if (v)
		reply_sync(r, v);
	else
		reply_error(r, &err);
}

static void terminal_delete(struct request *r)
{
	struct error err = ERROR_INIT;

	if (terminal_kill(request_berthd(r), request_param(r, "id"), &err) < 0)
		reply_error(r, &err);
	else
		reply_sync(r, NULL);
}

const struct route terminal_routes[] = {
	{ "POST", "/1.0/instances/{name}/terminal", terminal_post, NULL },
	{ "GET", "/1.0/terminals", terminals_get, NULL },
	{ "GET", "/1.0/terminals/{id}", terminal_get_one, NULL },
	{ "DELETE", "/1.0/terminals/{id}", terminal_delete, NULL },
	{ NULL, NULL, NULL, NULL },
};
