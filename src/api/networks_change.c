/* SPDX-License-Identifier: MIT */
/* /1.0/networks: making, changing, renaming and deleting. LXD answers when it is done, so the request waits. */
#include <string.h>

#include "api/lifecycle.h"
#include "api/networks.h"
#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "network/network.h"

#define NOT_OURS_TO_CHANGE \
	"not supported: the network \"%s\" of berth.conf is host-init's: `berth host init` sets it up"

/* False: it is not ours, and that was replied. */
static bool ours(struct request *r)
{
	const char *name = request_param(r, "name");

	if (network_get(request_berthd(r), name))
		return true;
	if (network_managed(request_berthd(r), name))
		reply_errorf(r, ERROR_UNSUPPORTED, NOT_OURS_TO_CHANGE, name);
	else
		reply_errorf(r, ERROR_NOT_FOUND, "Failed loading network: Network not found");
	return false;
}

static void reply_later(struct request *r, struct op *op, const char *action, const char *name, bool created,
			const struct error *err)
{
	const char *old_name = strcmp(action, "network-renamed") == 0 ? request_param(r, "name") : NULL;
	AUTO_FREE char *url = mem_printf("/1.0/networks/%s", name);

	lifecycle_after_with(request_berthd(r), op, action, url, "old_name", old_name);
	reply_op_ended(r, op, created ? url : NULL, err);
}

void networks_post(struct request *r)
{
	struct error err = ERROR_INIT;
	struct op *op = network_create(request_berthd(r), request_body(r), &err);

	reply_later(r, op, "network-created", json_str_or(request_body(r), "name", ""), true, &err);
}

static void update(struct request *r, bool patch)
{
	const char *name = request_param(r, "name");
	struct error err = ERROR_INIT;
	char etag[65];
	struct op *op;

	if (!ours(r))
		return;
	network_etag(network_get(request_berthd(r), name), etag);
	if (!request_etag_ok(r, etag))
		return;
	op = network_update(request_berthd(r), name, request_body(r), patch, &err);
	reply_later(r, op, "network-updated", name, false, &err);
}

void networks_put_one(struct request *r)
{
	update(r, false);
}

void networks_patch_one(struct request *r)
{
	update(r, true);
}

void networks_post_one(struct request *r)
{
	const char *name = request_param(r, "name"), *new_name = json_str_or(request_body(r), "name", "");
	struct error err = ERROR_INIT;

	if (ours(r))
		reply_later(r, network_rename(request_berthd(r), name, new_name, &err), "network-renamed", new_name, true, &err);
}

void networks_delete_one(struct request *r)
{
	const char *name = request_param(r, "name");
	struct error err = ERROR_INIT;

	if (ours(r))
		reply_later(r, network_delete(request_berthd(r), name, &err), "network-deleted", name, false, &err);
}
