/* SPDX-License-Identifier: MIT */
/* /1.0/warnings. */
#include <stdlib.h>

#include "api/events.h"
#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/warnings.h"

static void list_get(struct request *r)
{
	const char *text = request_query(r, "filter");
	struct filter *filter = NULL;
	struct error err = ERROR_INIT;
	cJSON *list;
	const cJSON *e;

	if (text && *text && !(filter = filter_parse(text, &err))) {
		reply_error(r, &err);
		return;
	}
	list = cJSON_CreateArray();
	cJSON_ArrayForEach(e, warnings_list(request_berthd(r)->warnings)) {
		AUTO_FREE char *url = mem_printf("/1.0/warnings/%s", json_str_or(e, "uuid", ""));

		if (!filter || filter_match(filter, e))
			cJSON_AddItemToArray(list, request_recursion(r) ? cJSON_Duplicate(e, true) : cJSON_CreateString(url));
	}
	filter_free(filter);
	reply_sync(r, list);
}

static void one_get(struct request *r)
{
	const cJSON *e = warning_find(request_berthd(r)->warnings, request_param(r, "uuid"));
	AUTO_JSON cJSON *can_change = NULL;
	char etag[65];

	if (!e) {
		reply_errorf(r, ERROR_NOT_FOUND, "Warning not found");
		return;
	}
	can_change = cJSON_CreateObject();
	json_set_str(can_change, "status", json_str_or(e, "status", ""));
	etag_of(can_change, etag);
	reply_sync_etag(r, cJSON_Duplicate(e, true), etag);
}

static void event(struct request *r, const char *action)
{
	AUTO_FREE char *url = mem_printf("/1.0/warnings/%s", request_param(r, "uuid"));

	events_request(r, action, url, NULL);
}

static void one_put(struct request *r)
{
	const char *status = json_str_or(request_body(r), "status", "");
	struct error err = ERROR_INIT;

	if (warning_set_status(request_berthd(r)->warnings, request_param(r, "uuid"), status, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	event(r, status[0] == 'a' ? "warning-acknowledged" : "warning-reset");
	reply_sync(r, NULL);
}

static void one_delete(struct request *r)
{
	struct error err = ERROR_INIT;

	if (warning_delete(request_berthd(r)->warnings, request_param(r, "uuid"), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	event(r, "warning-deleted");
	reply_sync(r, NULL);
}

const struct route warning_routes[] = {
	{ "GET", "/1.0/warnings", list_get, NULL },
	{ "GET", "/1.0/warnings/{uuid}", one_get, NULL },
	{ "PUT", "/1.0/warnings/{uuid}", one_put, NULL },
	{ "PATCH", "/1.0/warnings/{uuid}", one_put, NULL },
	{ "DELETE", "/1.0/warnings/{uuid}", one_delete, NULL },
	{ NULL, NULL, NULL, NULL },
};
