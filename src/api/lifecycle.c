/* SPDX-License-Identifier: MIT */
#include "api/lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "host/forward.h"
#include "instance/instance.h"
#include "instance/place.h"
#include "instance/reboot.h"
#include "instance/reboots.h"
#include "instance/snapshot.h"
#include "lxc/active.h"
#include "model/settings.h"

/*
 * A container that reboots is stopped for a moment too: an ephemeral one gets this long to come back, and as
 * long as LXC's monitor process is there, which runs through a reboot and ends soon after any other stop.
 */
#define REAP_AFTER_MS 2000

struct reap {
	uv_timer_t timer;
	struct berthd *b;
	char *name;
	char *uuid; /* by then another instance may have the name */
};

static void reap_closed_cb(uv_handle_t *handle)
{
	struct reap *r = handle->data;

	free(r->name);
	free(r->uuid);
	free(r);
}

static const char *uuid_of(const struct instance *inst)
{
	return json_str_or(json_obj(inst->desired, "config"), "volatile.uuid", "");
}

static void reap_cb(uv_timer_t *timer)
{
	struct reap *r = timer->data;
	const struct instance *inst = r->b->registry != NULL ? registry_get(r->b->registry, r->name) : NULL;
	struct error err = ERROR_INIT;
	struct op *op;

	if (inst != NULL && inst->state == LXC_STOPPED &&
	    lxc_monitor_process(r->b->settings->system_path, r->name) > 0)
		return; /* looks again */
	/* delete checks again, under the lock, that it does not run */
	if (inst != NULL && strcmp(uuid_of(inst), r->uuid) == 0 && inst->state == LXC_STOPPED &&
	    json_bool(inst->desired, "ephemeral", false)) {
		op = instance_delete(r->b, r->name, false, &err);
		if (op == NULL)
			log_warning("cannot delete the ephemeral instance '%s': %s", r->name, err.msg);
		lifecycle_instance(r->b, op, "instance-deleted", r->name);
	}
	uv_close((uv_handle_t *)timer, reap_closed_cb);
}

static void reap_later(struct berthd *b, const struct instance *inst)
{
	struct reap *r = mem_alloc(sizeof(*r));

	r->b = b;
	r->name = mem_strdup(inst->name);
	r->uuid = mem_strdup(uuid_of(inst));
	r->timer.data = r;
	uv_timer_init(b->loop, &r->timer);
	uv_timer_start(&r->timer, reap_cb, REAP_AFTER_MS, REAP_AFTER_MS);
	uv_unref((uv_handle_t *)&r->timer);
}

/*
 * As LXD tells them apart: what is stopped by force has stopped, what came to its end has shut down, asked to or not; a
 * restart is one event. holder: whose doing it is; NULL: it came from inside.
 */
static const char *action_of(const struct berthd *b, const struct instance *inst, enum lxc_state old, struct op *holder)
{
	const cJSON *args = holder != NULL ? op_args(holder) : NULL;
	bool restart = strcmp(json_str_or(args, "action", ""), "restart") == 0;

	switch (inst->state) {
	case LXC_RUNNING:
		if (old == LXC_FROZEN || old == LXC_THAWED)
			return "instance-resumed";
		return restart || (holder != NULL ? reboots_is(holder) : reboot_is(b, inst)) ? "instance-restarted" : "instance-started";
	case LXC_STOPPED:
		if (restart)
			return NULL;
		return holder != NULL && json_bool(args, "force", true) ? "instance-stopped" : "instance-shutdown";
	case LXC_FROZEN:
		return "instance-paused";
	default:
		return NULL;
	}
}

static void on_state(struct instance *inst, enum lxc_state old, void *data)
{
	struct berthd *b = data;
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", inst->name);
	AUTO_FREE char *lock = mem_printf("instance/%s", inst->name);
	struct op *holder = op_holder(b->ops, lock);
	const char *action = action_of(b, inst, old, holder);

	if (action != NULL)
		events_lifecycle(b->events, action, source, NULL, holder != NULL ? op_origin(holder) : NULL);
	forward_reconcile(b);
	if (inst->state == LXC_STOPPED && json_bool(inst->desired, "ephemeral", false))
		reap_later(b, inst);
}

void lifecycle_start(struct berthd *b)
{
	registry_on_state(b->registry, on_state, b);
}

struct after {
	struct berthd *b;
	char *action;
	char *source;
	cJSON *context; /* or NULL */
	cJSON *snapshots; /* that go with it: sources, or NULL */
};

/* An instance's snapshots come and go with it, each with an event. */
static cJSON *snapshot_sources(struct berthd *b, const char *name)
{
	struct instance *inst = registry_get(b->registry, name);
	cJSON *out = cJSON_CreateArray();
	const cJSON *s;

	if (inst == NULL || inst->adopted)
		return out;
	cJSON_ArrayForEach(s, snapshot_list(b, inst)) {
		AUTO_STRBUF struct strbuf source = STRBUF_INIT;

		strbuf_addf(&source, "/1.0/instances/%s/snapshots/", name);
		strbuf_adduri(&source, json_str_or(s, "name", ""));
		cJSON_AddItemToArray(out, cJSON_CreateString(source.buf));
	}
	return out;
}

static void snapshot_events(const struct after *a, const char *action, const struct op *op)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, a->snapshots)
		events_lifecycle(a->b->events, action, s->valuestring, NULL, op_origin(op));
}

/* Only then it is known in which pool it lies. */
static void created_context(struct after *a)
{
	const char *name = strrchr(a->source, '/') + 1;
	const struct instance *inst = registry_get(a->b->registry, name);
	AUTO_FREE char *dir = inst != NULL ? instance_dir(a->b, inst->name) : NULL;

	if (dir == NULL)
		return;
	a->snapshots = snapshot_sources(a->b, name);
	a->context = cJSON_CreateObject();
	json_set_str(a->context, "type", "container");
	json_set_str(a->context, "storage-pool", place_pool(a->b, dir));
}

static void after_cb(struct op *op, void *data)
{
	struct after *a = data;

	if (op_status(op) == OP_SUCCESS) {
		if (strcmp(a->action, "instance-created") == 0)
			created_context(a);
		if (strcmp(a->action, "instance-deleted") == 0)
			snapshot_events(a, "instance-snapshot-deleted", op);
		events_lifecycle(a->b->events, a->action, a->source, a->context, op_origin(op));
		a->context = NULL;
		if (strcmp(a->action, "instance-created") == 0)
			snapshot_events(a, "instance-snapshot-created", op);
	}
	cJSON_Delete(a->context);
	cJSON_Delete(a->snapshots);
	free(a->action);
	free(a->source);
	free(a);
}

void lifecycle_after(struct berthd *b, struct op *op, const char *action, const char *source)
{
	lifecycle_after_with(b, op, action, source, NULL, NULL);
}

void lifecycle_after_with(struct berthd *b, struct op *op, const char *action, const char *source, const char *key,
			  const char *value)
{
	struct after *a;

	if (op == NULL)
		return;
	a = mem_alloc(sizeof(*a));
	a->b = b;
	if (value != NULL) {
		a->context = cJSON_CreateObject();
		json_set_str(a->context, key, value);
	}
	a->action = mem_strdup(action);
	a->source = mem_strdup(source);
	if (strcmp(action, "instance-deleted") == 0)
		a->snapshots = snapshot_sources(b, strrchr(source, '/') + 1);
	op_on_end(op, after_cb, a);
}

void lifecycle_instance(struct berthd *b, struct op *op, const char *action, const char *name)
{
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", name);

	lifecycle_after(b, op, action, source);
}
