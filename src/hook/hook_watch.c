/* SPDX-License-Identifier: MIT */
#include "hook/hook_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "instance/registry.h"
#include "proc/op.h"

/* It may have been deleted while it waited for its lock. */
static enum op_result step_outside(struct op *op, struct error *err)
{
	struct berthd *b = op_ctx(op);

	return registry_get(b->registry, json_str_or(op_args(op), "name", "")) != NULL ? step_hook(op, err) : OP_DONE;
}

static const struct op_step started_steps[] = { { "post-start", step_outside, NULL, 3600, 0 }, { 0 } };
static const struct op_step stopped_steps[] = { { "post-stop", step_outside, NULL, 3600, 0 }, { 0 } };

#define OUTSIDE_KIND(s) { .name = "hook", .description = "Running hooks", .steps = s, .volatile_ = true, \
			  .may_cancel = true, .patient = true }
static const struct op_kind started_kind = OUTSIDE_KIND(started_steps);
static const struct op_kind stopped_kind = OUTSIDE_KIND(stopped_steps);

struct doing {
	const char *name;
	const char *event;
	bool found;
};

static void look_at(struct op *op, void *data)
{
	struct doing *d = data;

	/* undos run no hooks: what one starts again is told like what somebody else started */
	if (!op_final(op) && !op_undoing(op) && op_status(op) != OP_PENDING && op_has_step(op, d->event) &&
	    strcmp(json_str_or(op_args(op), "name", ""), d->name) == 0)
		d->found = true;
}

/* Is an operation on its way that runs the hooks of this itself? */
static bool is_done_by_us(const struct berthd *b, const char *name, const char *event)
{
	struct doing d = { .name = name, .event = event };

	op_foreach(b->ops, look_at, &d);
	return d.found;
}

static void tell(struct berthd *b, const struct instance *inst, const char *event, const struct op_kind *kind)
{
	AUTO_FREE char *lock = mem_printf("instance/%s", inst->name);
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s", inst->name);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks };
	struct error err = ERROR_INIT;
	cJSON *args;

	if (is_done_by_us(b, inst->name, event) || !hook_any(b, event))
		return;
	args = cJSON_CreateObject();
	json_set_str(args, "name", inst->name);
	options.resources = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "instances"), cJSON_CreateString(url));
	if (op_start(b->ops, kind, args, &options, &err) == NULL)
		log_warning("no %s hooks for '%s': %s", event, inst->name, err.msg);
}

static void on_state(struct instance *inst, enum lxc_state old, void *data)
{
	struct berthd *b = data;

	if (inst->state == LXC_RUNNING && !inst->told_running) {
		inst->told_running = true;
		tell(b, inst, "post-start", &started_kind);
	} else if (inst->state == LXC_STOPPED && inst->told_running) {
		inst->told_running = false;
		tell(b, inst, "post-stop", &stopped_kind);
	}
}

void hook_watch_start(struct berthd *b)
{
	const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++) {
		struct instance *inst = registry_get(b->registry, *n);

		inst->told_running = instance_active(inst);
	}
	free(names);
	registry_on_state(b->registry, on_state, b);
}
