/* SPDX-License-Identifier: MIT */
#include "api/access.h"

#include <string.h>
#include <strings.h>

#include "api/request.h"
#include "api/server_config.h"
#include "base/mem.h"

/* A row that is not here is closed: a new route is until somebody thought of it. */
static const struct {
	const char *method, *pattern;
} open_rows[] = {
	{ "GET", "/" },
	{ "GET", "/1.0" },
	{ "POST", "/1.0/certificates" }, /* with a password or a token */
	{ "GET", "/1.0/operations/{id}/websocket" }, /* with a secret of its: other servers have no certificate (migrations) */
	/* with an image that they were asked for, and then with the secret of what becomes of it: images_push.c */
	{ "POST", "/1.0/images" },
	{ "GET", "/1.0/operations/{id}/wait" },
	/* what is public, or whose secret they have: image_visible() */
	{ "GET", "/1.0/images" },
	{ "GET", "/1.0/images/{fingerprint}" },
	{ "GET", "/1.0/images/{fingerprint}/export" },
	{ "GET", "/1.0/images/aliases" },
	{ "GET", "/1.0/images/aliases/{name*}" },
};

bool access_origin_ok(const struct request *r)
{
	const char *origin = request_header(r, "Origin"), *host = request_header(r, "Host");
	const char *allowed = server_config_get(r->berthd->server, "core.https_allowed_origin");
	AUTO_FREE char *own = mem_printf("https://%s", host ? host : "");

	if (!request_peer(r) || !origin)
		return true;
	return strcasecmp(origin, own) == 0 ||
	       (allowed && (strcmp(allowed, "*") == 0 || strcasecmp(allowed, origin) == 0));
}

bool access_allowed(const struct request *r)
{
	if (request_trusted(r))
		return true;
	for (size_t i = 0; i < sizeof(open_rows) / sizeof(open_rows[0]); i++)
		if (strcmp(r->route->method, open_rows[i].method) == 0 &&
		    strcmp(r->route->pattern, open_rows[i].pattern) == 0)
			return true;
	return false;
}
