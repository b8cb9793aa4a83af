/* SPDX-License-Identifier: MIT */
/* boot.autostart: once per boot of the host, highest boot.autostart.priority first, boot.autostart.delay after each. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "instance/copy.h"
#include "instance/delete.h"
#include "instance/instance.h"
#include "instance/move.h"
#include "instance/reboots.h"
#include "instance/refresh.h"
#include "instance/root_volume.h"
#include "instance/snapshot.h"
#include "instance/update.h"
#include "instance/volume.h"
#include "model/settings.h"
#include "model/warnings.h"

struct candidate {
	char *name;
	long priority;
	long delay_s;
};

struct autostart {
	struct berthd *b;
	struct candidate *list;
	size_t n, next;
	uv_timer_t timer;
};

static int by_priority(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Set, or not set and running when the host went down: LXD's rule. */
static bool wanted(const cJSON *config)
{
	const char *v = json_str(config, "boot.autostart");
	struct error err = ERROR_INIT;
	int on = 0;

	if (v != NULL && v[0] != '\0')
		return units_parse_bool(v, &on, &err) == 0 && on;
	return strcmp(json_str_or(config, "volatile.last_state.power", ""), "RUNNING") == 0;
}

static void collect(struct autostart *a)
{
	const char **names = registry_names(a->b->registry);

	a->list = mem_alloc((registry_count(a->b->registry) + 1) * sizeof(*a->list));
	for (const char **n = names; *n != NULL; n++) {
		const struct instance *inst = registry_get(a->b->registry, *n);
		AUTO_JSON cJSON *config = NULL;
		AUTO_JSON cJSON *devices = NULL;

		instance_expand(a->b, inst->desired, &config, &devices);
		if (inst->adopted || inst->state != LXC_STOPPED || json_bool(inst->desired, "ephemeral", false) ||
		    !wanted(config))
			continue;
		a->list[a->n].name = mem_strdup(*n);
		a->list[a->n].priority = strtol(json_str_or(config, "boot.autostart.priority", "0"), NULL, 10);
		a->list[a->n++].delay_s = strtol(json_str_or(config, "boot.autostart.delay", "0"), NULL, 10);
	}
	free(names);
	qsort(a->list, a->n, sizeof(*a->list), by_priority);
}

static void closed_cb(uv_handle_t *handle)
{
	struct autostart *a = handle->data;

	for (size_t i = 0; i < a->n; i++)
		free(a->list[i].name);
	free(a->list);
	free(a);
}

static void finish(struct autostart *a)
{
	a->b->autostart = NULL;
	uv_close((uv_handle_t *)&a->timer, closed_cb);
}

/* Nobody asked for this start, so nobody would be told. err NULL: it started. */
static void autostart_warn(struct berthd *b, const char *name, const struct error *err)
{
	static const char type[] = "Failed to autostart instance";
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s", name);

	if (err != NULL)
		warning_raise(b->warnings, type, url, WARNING_MODERATE, err->msg);
	else
		warning_resolve(b->warnings, type, url);
}

struct watched {
	struct berthd *b;
	char *name;
};

static void ended(struct op *op, void *data)
{
	struct watched *w = data;

	autostart_warn(w->b, w->name, op_status(op) == OP_SUCCESS ? NULL : op_error(op));
	free(w->name);
	free(w);
}

static void watch(struct berthd *b, const char *name, struct op *op)
{
	struct watched *w = mem_alloc(sizeof(*w));

	w->b = b;
	w->name = mem_strdup(name);
	op_on_end(op, ended, w);
}

static void next_cb(uv_timer_t *timer)
{
	struct autostart *a = timer->data;
	struct power_options options = { .action = POWER_START, .timeout_s = -1 };

	while (a->next < a->n) {
		const struct candidate *c = &a->list[a->next++];
		struct error err = ERROR_INIT;
		struct op *op;

		log_info("starting '%s' (boot.autostart)", c->name);
		op = instance_power(a->b, c->name, &options, &err);
		if (op == NULL) {
			log_warning("cannot start '%s': %s", c->name, err.msg);
			autostart_warn(a->b, c->name, &err);
		} else {
			watch(a->b, c->name, op);
		}
		if (c->delay_s > 0) {
			uv_timer_start(timer, next_cb, (uint64_t)c->delay_s * 1000, 0);
			return;
		}
	}
	finish(a);
}

/* True the first time it is asked after a boot of the host. */
static bool first_since_boot(struct berthd *b)
{
	AUTO_FREE char *path = fs_join(b->settings->state_path, "boot_id");
	AUTO_STRBUF struct strbuf now = STRBUF_INIT;
	AUTO_STRBUF struct strbuf then = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (fs_read_file("/proc/sys/kernel/random/boot_id", 256, &now, &err) < 0) {
		log_warning("boot.autostart: %s", err.msg);
		return false;
	}
	if (fs_read_file(path, 256, &then, &err) == 0 && strcmp(now.buf, then.buf) == 0)
		return false;
	if (fs_write_atomic(path, now.buf, now.len, 0600, &err) < 0)
		log_warning("boot.autostart: %s", err.msg);
	return true;
}

static bool was_running(const struct instance *inst)
{
	return strcmp(json_str_or(json_obj(inst->desired, "config"), "volatile.last_state.power", ""), "RUNNING") == 0;
}

/* Ephemeral instances that ended while nobody looked. */
static void reap_ephemeral(struct berthd *b)
{
	const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++) {
		const struct instance *inst = registry_get(b->registry, *n);
		struct error err = ERROR_INIT;

		if (inst->state == LXC_STOPPED && json_bool(inst->desired, "ephemeral", false) && was_running(inst) &&
		    !reboots_wait(b, *n) && instance_delete(b, *n, false, &err) == NULL)
			log_warning("cannot delete the ephemeral instance '%s': %s", *n, err.msg);
	}
	free(names);
}

void instance_autostart(struct berthd *b)
{
	struct autostart *a;

	reap_ephemeral(b);

	if (!first_since_boot(b))
		return;
	a = mem_alloc(sizeof(*a));
	a->b = b;
	collect(a);
	a->timer.data = a;
	uv_timer_init(b->loop, &a->timer);
	b->autostart = a;
	next_cb(&a->timer);
}

void instance_autostart_stop(struct berthd *b)
{
	if (b->autostart != NULL)
		finish(b->autostart);
}

void instance_register(struct op_queue *q)
{
	create_register(q);
	delete_register(q);
	update_register(q);
	rename_register(q);
	move_register(q);
	volume_register(q);
	rebuild_register(q);
	refresh_register(q);
	snapshot_register(q);
	root_volume_register(q);
}
