/* SPDX-License-Identifier: MIT */
/* By the clock: snapshots.schedule of custom volumes, and the end of snapshots that have expired. */
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/custom_work.h"
#include "proc/ticker.h"

struct custom_due {
	struct berthd *b;
	struct ticker *ticker;
	custom_started_cb started;
};

static void tell(const struct custom_due *d, struct op *op, const char *action, const char *pool, const char *name,
		 const struct error *err)
{
	if (op != NULL)
		d->started(d->b, op, action, pool, name);
	else
		log_warning("volume '%s' of the storage pool '%s': its snapshot is not %s: %s", name, pool, action, err->msg);
}

/* @daily and the like at a time of its own: not all volumes are to be worked on at midnight. */
static bool is_due(const char *pool, const char *name, const cJSON *volume, const struct tm *now)
{
	AUTO_FREE char *subject = mem_printf("%s/%s", pool, name);
	const char *schedule = json_str_or(json_obj(volume, "config"), "snapshots.schedule", "");
	struct error err = ERROR_INIT;
	struct cron cron;

	if (schedule[0] == '\0' || cron_parse(schedule, &cron, &err) < 0)
		return false;
	cron_spread(&cron, subject);
	return cron_matches(&cron, now);
}

static void remove_expired(const struct custom_due *d, const char *pool, const char *name, time_t now)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *list = custom_snapshot_list(d->b, pool, name, &err);
	const cJSON *item;
	time_t when;

	cJSON_ArrayForEach(item, list) {
		if (time_parse(json_str_or(item, "expires_at", ""), &when) < 0 || when <= 0 || when > now)
			continue;
		log_info("volume '%s' of the storage pool '%s': snapshot '%s' has expired", name, pool, json_str(item, "name"));
		tell(d, custom_snapshot_delete(d->b, pool, name, json_str_or(item, "name", ""), &err), "deleted", pool, name, &err);
	}
}

static void look_at(const struct custom_due *d, const char *pool, time_t minute, const struct tm *tm)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *names = pool_usable(d->b, pool, &err) == 0 ? custom_names(d->b, pool) : NULL;
	const cJSON *item;

	cJSON_ArrayForEach(item, names) {
		const char *name = item->valuestring;
		AUTO_JSON cJSON *volume = custom_read(d->b, pool, name);

		remove_expired(d, pool, name, minute);
		if (is_due(pool, name, volume, tm))
			tell(d, custom_snapshot_create(d->b, pool, name, NULL, &err), "created", pool, name, &err);
	}
}

static void minute_cb(time_t minute, void *data)
{
	const struct custom_due *d = data;
	AUTO_FREE const char **names = pool_names(d->b);
	struct tm tm;

	if (localtime_r(&minute, &tm) == NULL)
		return;
	for (const char **n = names; *n != NULL; n++)
		look_at(d, *n, minute, &tm);
}

struct custom_due *custom_due_start(struct berthd *b, custom_started_cb started)
{
	struct custom_due *d = mem_alloc(sizeof(*d));

	d->b = b;
	d->started = started;
	d->ticker = ticker_add(b->loop, minute_cb, d);
	return d;
}

void custom_due_stop(struct custom_due *d)
{
	if (d == NULL)
		return;
	ticker_remove(d->ticker);
	free(d);
}
