/* SPDX-License-Identifier: MIT */
/* POST /1.0/instances/{name}/password {"user":"root","password":"…"}. */
#include "instance/password.h"

#include <string.h>

#include "api/request.h"

/* A body that is freed as it is would leave the password in memory for long. */
static void wipe(struct request *r)
{
	cJSON *password = cJSON_GetObjectItemCaseSensitive(r->json, "password");

	if (cJSON_IsString(password))
		explicit_bzero(password->valuestring, strlen(password->valuestring));
	if (r->body.cap > 0)
		explicit_bzero(r->body.buf, r->body.len);
}

static void post_password(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = instance_password(request_berthd(r), request_param(r, "name"), request_body(r), &err);

	wipe(r);
	reply_op(r, op, &err);
}

const struct route password_routes[] = {
	{ "POST", "/1.0/instances/{name}/password", post_password, NULL },
	{ .method = NULL },
};
