/* SPDX-License-Identifier: MIT */
#include "api/lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/forward.h"
#include "instance/instance.h"
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

	if (inst != NULL && inst->state == LXC_STOPPED &&
	    lxc_monitor_process(r->b->settings->system_path, r->name) > 0)
		return; /* looks again */
	/* delete checks again, under the lock, that it does not run */
	if (inst != NULL && strcmp(uuid_of(inst), r->uuid) == 0 && inst->state == LXC_STOPPED &&
	    json_bool(inst->desired, "ephemeral", false) &&
	    instance_delete(r->b, r->name, false, &err) == NULL)
		log_warning("cannot delete the ephemeral instance '%s': %s", r->name, err.msg);
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

static const char *action_of(enum lxc_state now, enum lxc_state old)
{
	switch (now) {
	case LXC_RUNNING:
		return old == LXC_FROZEN || old == LXC_THAWED ? "instance-resumed" : "instance-started";
	case LXC_STOPPED:
		return "instance-stopped";
	case LXC_FROZEN:
		return "instance-paused";
	default:
		return NULL;
	}
}

static void on_state(struct instance *inst, enum lxc_state old, void *data)
{
	struct berthd *b = data;
	const char *action = action_of(inst->state, old);
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", inst->name);

	if (action != NULL)
		events_lifecycle(b->events, action, source, NULL);
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
};

static void after_cb(struct op *op, void *data)
{
	struct after *a = data;

	if (op_status(op) == OP_SUCCESS) {
		events_lifecycle(a->b->events, a->action, a->source, a->context);
		a->context = NULL;
	}
	cJSON_Delete(a->context);
	free(a->action);
	free(a->source);
	free(a);
}

void lifecycle_after(struct berthd *b, struct op *op, const char *action, const char *source)
{
	lifecycle_after_rename(b, op, action, source, NULL);
}

void lifecycle_after_rename(struct berthd *b, struct op *op, const char *action, const char *source, const char *old_name)
{
	struct after *a;

	if (op == NULL)
		return;
	a = mem_alloc(sizeof(*a));
	a->b = b;
	if (old_name != NULL) {
		a->context = cJSON_CreateObject();
		json_set_str(a->context, "old_name", old_name);
	}
	a->action = mem_strdup(action);
	a->source = mem_strdup(source);
	op_on_end(op, after_cb, a);
}

void lifecycle_instance(struct berthd *b, struct op *op, const char *action, const char *name)
{
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", name);

	lifecycle_after(b, op, action, source);
}
