/* SPDX-License-Identifier: MIT */
/*
 * Once a minute: instances whose backups.schedule says so are backed up, one after the other in the order they were due;
 * who waits is in memory only.
 */
#include <stdlib.h>
#include <string.h>

#include "backup/backup.h"
#include "backup/export.h"
#include "backup/volume_export.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/instance.h"
#include "instance/schedule.h"
#include "proc/ticker.h"

struct backup_due {
	struct berthd *b;
	struct ticker *ticker;
	cJSON *waiting;       /* names */
	char *current;        /* the one that is made now, or NULL */
	struct op_wait *wait; /* for that */
	backup_started_cb started;
	void *data;
};

static void next(struct backup_due *d);

static void ended(struct op *op, void *data)
{
	struct backup_due *d = data;
	const struct error *err = op_error(op);

	if (err->code != ERROR_NONE)
		log_error("instance '%s', its backup by the clock: %s", d->current, err->msg);
	free(d->current);
	d->current = NULL;
	d->wait = NULL;
	next(d);
}

static bool begin(struct backup_due *d, const char *name)
{
	struct error err = ERROR_INIT;
	struct op *op = backup_create(d->b, name, NULL, &err);

	if (op == NULL) {
		log_error("instance '%s' cannot be backed up by the clock: %s", name, err.msg);
		return false;
	}
	log_info("instance '%s': making a scheduled backup", name);
	d->current = mem_strdup(name);
	d->started(op, name, d->data);
	d->wait = op_on_end(op, ended, d);
	return true;
}

static void next(struct backup_due *d)
{
	bool begun = false;

	while (!begun && cJSON_GetArraySize(d->waiting) > 0) {
		AUTO_JSON cJSON *first = cJSON_DetachItemFromArray(d->waiting, 0);

		begun = begin(d, first->valuestring);
	}
}

static bool queued(const struct backup_due *d, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, d->waiting)
		if (strcmp(item->valuestring, name) == 0)
			return true;
	return d->current != NULL && strcmp(d->current, name) == 0;
}

static void minute_cb(time_t minute, void *data)
{
	struct backup_due *d = data;
	const char **names;
	struct tm tm;

	export_sweep(d->b);
	volume_export_sweep(d->b);
	if (localtime_r(&minute, &tm) == NULL)
		return;
	names = registry_names(d->b->registry);
	for (const char **n = names; *n != NULL; n++) {
		const struct instance *inst = registry_get(d->b->registry, *n);

		if (inst->adopted || inst->note != NULL || !schedule_is_due(d->b, inst, "backups.schedule", &tm))
			continue;
		if (queued(d, *n))
			log_warning("instance '%s': the scheduled backup is left out: the one before is not made yet", *n);
		else
			cJSON_AddItemToArray(d->waiting, cJSON_CreateString(*n));
	}
	free(names);
	if (d->current == NULL)
		next(d);
}

void backup_due_start(struct berthd *b, backup_started_cb started, void *data)
{
	struct backup_due *d = mem_alloc(sizeof(*d));

	d->b = b;
	d->started = started;
	d->data = data;
	d->waiting = cJSON_CreateArray();
	d->ticker = ticker_add(b->loop, minute_cb, d);
	b->backups = d;
	export_sweep(b);
	volume_export_sweep(b);
}

void backup_due_stop(struct berthd *b)
{
	struct backup_due *d = b->backups;

	if (d == NULL)
		return;
	ticker_remove(d->ticker);
	if (d->wait != NULL)
		op_wait_cancel(d->wait);
	cJSON_Delete(d->waiting);
	free(d->current);
	free(d);
	b->backups = NULL;
}
