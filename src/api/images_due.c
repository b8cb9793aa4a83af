/* SPDX-License-Identifier: MIT */
/* Once an hour: cached images that nobody uses go, those with auto_update are looked up where they came from. */
#include <stdlib.h>

#include "api/events.h"
#include "api/images.h"
#include "api/server_config.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "image/download.h"
#include "image/due.h"
#include "image/store.h"
#include "proc/ticker.h"

enum { HOUR_S = 3600, VALUE_MAX = 100000 };

static int setting(const struct berthd *b, const char *key, int def)
{
	const char *text = server_config_get(b->server, key);
	struct error ignored = ERROR_INIT;
	int64_t v;

	return text && units_parse_int(text, 0, VALUE_MAX, &v, &ignored) == 0 ? (int)v : def;
}

static void refresh(struct berthd *b, const char *fingerprint)
{
	AUTO_JSON cJSON *proxies = cJSON_CreateObject();
	struct error err = ERROR_INIT;

	image_add_proxies(b, proxies);
	if (!image_refresh(b, fingerprint, proxies, &err))
		log_warning("image %s: %s", fingerprint, err.msg);
}

static void expire(struct berthd *b, const char *fingerprint)
{
	struct error err = ERROR_INIT;
	struct op *op = image_delete(b->images, fingerprint, &err);

	if (op)
		image_delete_events(b, op, fingerprint);
	else
		log_warning("image %s: %s", fingerprint, err.msg);
}

static void minute_cb(time_t minute, void *data)
{
	struct berthd *b = data;
	bool update = image_update_due(minute, setting(b, "images.auto_update_interval", IMAGE_UPDATE_HOURS));
	int days = setting(b, "images.remote_cache_expiry", IMAGE_CACHE_DAYS);
	const char **all;
	size_t i;

	if (minute % HOUR_S != 0)
		return;
	all = image_fingerprints(b->images);
	for (i = 0; all[i]; i++) {
		if (image_cache_expired(image_get(b->images, all[i]), minute, days))
			expire(b, all[i]);
		else if (update && image_wants_update(image_get(b->images, all[i])))
			refresh(b, all[i]);
	}
	free(all);
}

struct ticker *images_by_the_clock(struct berthd *b)
{
	return ticker_add(b->loop, minute_cb, b);
}
