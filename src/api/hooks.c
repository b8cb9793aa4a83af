/* SPDX-License-Identifier: MIT */
/* GET /1.0/host/hooks[?event=EVENT]: what lies in hooks.d, and what of it runs. */
#include "api/router.h"
#include "hook/hook.h"

static void hooks_get(struct request *r)
{
	struct error err = ERROR_INIT;
	cJSON *list = hook_list(request_berthd(r), request_query(r, "event"), &err);

	if (list != NULL)
		reply_sync(r, list);
	else
		reply_error(r, &err);
}

const struct route hook_routes[] = {
	{ "GET", "/1.0/host/hooks", hooks_get, NULL },
	{ .method = NULL },
};
