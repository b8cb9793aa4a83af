/* SPDX-License-Identifier: MIT */
/*
 * Images of other servers, by a child of its own (berth-fetch) that is nobody and checks who it talks to.
 *
 * A source is LXD's ImagesPostSource: {"protocol": "lxd" | "simplestreams" | "direct", "server", "alias" or "fingerprint",
 * "secret", "certificate" (PEM; the server must have this one's key), "url" (direct)}, and how to get there:
 * "proxy_https", "proxy_ignore".
 */
#ifndef BERTH_IMAGE_DOWNLOAD_H
#define BERTH_IMAGE_DOWNLOAD_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

struct image_download {
	const cJSON *source;
	/* of the import, besides "fingerprint" and what the server says: "aliases", "public", "properties", "profiles",
	 * "auto_update", "cached"; NULL: none */
	const cJSON *options;
	bool prefer_cached;   /* an auto_update image that is here and came by the same alias will do */
	const char *shown_by; /* id of an operation that shows the progress too; NULL: none */
};

/*
 * One that is there already is not fetched: its aliases are added, it is public and auto_update as asked, and cached no
 * longer unless asked. The operation's args have the "fingerprint" in the end, and "existed"; its metadata {"fingerprint","size"}.
 */
struct op *image_download(struct berthd *b, const struct image_download *d, struct error *err);

/*
 * Fetches anew what an image was fetched by (update_source in its description); when that is another image now, its aliases
 * move to the new one and the old one is deleted. Metadata: {"refreshed": bool}. The operation fails ("Image source not
 * found") for images that were not fetched by an alias. proxies: {"proxy_https","proxy_ignore"} or NULL.
 */
struct op *image_refresh(struct berthd *b, const char *fingerprint, const cJSON *proxies, struct error *err);

#endif
