/* SPDX-License-Identifier: MIT */
/* Once a minute: the snapshots that are due are made, those that have expired are removed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cron.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/schedule.h"
#include "instance/snapshot_work.h"
#include "model/key_types.h"
#include "proc/ticker.h"

struct snapshot_due {
	struct berthd *b;
	struct ticker *ticker;
	snapshot_started_cb started;
	void *data;
};

static bool is_due(const struct berthd *b, const struct instance *inst, const struct tm *now)
{
	return schedule_is_due(b, inst, "snapshots.schedule", now) &&
	       (instance_active(inst) || type_is_true(instance_value(b, inst->desired, "snapshots.schedule.stopped")));
}

static void ended(struct op *op, void *data)
{
	const struct error *err = op_error(op);
	cJSON *args = op_args(op);

	if (err->code != ERROR_NONE)
		log_error("instance '%s', snapshot '%s', by the clock: %s", json_str_or(args, "name", ""),
			  json_str_or(args, "snapshot", ""), err->msg);
}

static void began(struct snapshot_due *d, struct op *op, const char *action, const char *name, const struct error *err)
{
	if (op == NULL) {
		log_error("instance '%s': its snapshot cannot be %s by the clock: %s", name, action, err->msg);
		return;
	}
	op_on_end(op, ended, NULL);
	d->started(op, action, name, json_str_or(op_args(op), "snapshot", ""), d->data);
}

static void make(struct snapshot_due *d, const char *name)
{
	struct error err = ERROR_INIT;

	if (snapshot_pending(d->b, &snapshot_create_kind, name, NULL)) {
		log_warning("instance '%s': the scheduled snapshot is left out: one is still being made", name);
		return;
	}
	log_info("instance '%s': making a scheduled snapshot", name);
	began(d, snapshot_create(d->b, name, NULL, &err), "created", name, &err);
}

/* Names first: the list does not outlive the first deletion. */
static cJSON *expired(const struct berthd *b, struct instance *inst, time_t now)
{
	cJSON *names = cJSON_CreateArray();
	const cJSON *item;
	time_t when;

	cJSON_ArrayForEach(item, snapshot_list(b, inst))
		if (time_parse(json_str_or(item, "expires_at", ""), &when) == 0 && when > 0 && when <= now)
			cJSON_AddItemToArray(names, cJSON_CreateString(json_str_or(item, "name", "")));
	return names;
}

static void remove_expired(struct snapshot_due *d, struct instance *inst, time_t now)
{
	AUTO_JSON cJSON *names = expired(d->b, inst, now);
	const cJSON *item;

	cJSON_ArrayForEach(item, names) {
		struct error err = ERROR_INIT;

		if (snapshot_pending(d->b, &snapshot_delete_kind, inst->name, item->valuestring))
			continue;
		log_info("instance '%s': snapshot '%s' has expired", inst->name, item->valuestring);
		began(d, snapshot_delete(d->b, inst->name, item->valuestring, &err), "deleted", inst->name, &err);
	}
}

static void minute_cb(time_t minute, void *data)
{
	struct snapshot_due *d = data;
	const char **names;
	struct tm tm;

	if (localtime_r(&minute, &tm) == NULL)
		return;
	names = registry_names(d->b->registry);
	for (const char **n = names; *n != NULL; n++) {
		struct instance *inst = registry_get(d->b->registry, *n);

		if (inst->adopted || inst->note != NULL)
			continue;
		remove_expired(d, inst, minute);
		if (is_due(d->b, inst, &tm))
			make(d, *n);
	}
	free(names);
}

void snapshot_due_startup(struct berthd *b, const struct instance *inst)
{
	const char *schedule = instance_value(b, inst->desired, "snapshots.schedule");
	struct error ignored = ERROR_INIT;
	struct cron cron;

	if (b->snapshots != NULL && schedule != NULL && cron_parse(schedule, &cron, &ignored) == 0 && cron.startup)
		make(b->snapshots, inst->name);
}

void snapshot_due_start(struct berthd *b, snapshot_started_cb started, void *data)
{
	struct snapshot_due *d = mem_alloc(sizeof(*d));

	d->b = b;
	d->started = started;
	d->data = data;
	d->ticker = ticker_add(b->loop, minute_cb, d);
	b->snapshots = d;
}

void snapshot_due_stop(struct berthd *b)
{
	if (b->snapshots == NULL)
		return;
	ticker_remove(b->snapshots->ticker);
	free(b->snapshots);
	b->snapshots = NULL;
}
