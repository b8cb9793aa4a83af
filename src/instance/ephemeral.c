/* SPDX-License-Identifier: MIT */
#include "instance/ephemeral.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/work.h"

static enum op_result step_stop(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	const struct power_options options = { .action = POWER_STOP, .timeout_s = (int)json_int(w->args, "timeout", -1),
					       .force = json_bool(w->args, "force", false) };

	return op_follow(op, instance_power(w->b, w->name, &options, err), NULL, err);
}

/* It has stopped, and that is what was asked for. What is left of it goes at the next start of berthd. */
static enum op_result deleted(struct op *op, struct op *other, struct error *err)
{
	const struct work *w = op_data(op);

	if (err->code != ERROR_NONE && registry_get(w->b->registry, w->name) != NULL)
		log_warning("the ephemeral instance '%s' stays: %s", w->name, err->msg);
	error_clear(err);
	return OP_DONE;
}

static enum op_result step_delete(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);
	const char *uuid = json_str_or(w->args, "uuid", "");

	if (inst == NULL || strcmp(json_str_or(json_obj(inst->desired, "config"), "volatile.uuid", ""), uuid) != 0)
		return OP_DONE; /* gone, and perhaps there is another of that name */
	return op_follow(op, instance_delete(w->b, w->name, false, err), deleted, err);
}

static const struct op_step ephemeral_steps[] = {
	{ "stop", step_stop, NULL, 0, 0 },
	{ "delete", step_delete, NULL, 0, 0 },
	{ 0 },
};

static const struct op_kind ephemeral_kind = {
	.name = "stop-ephemeral",
	.description = "Stopping instance",
	.steps = ephemeral_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true,
	.may_cancel = true,
	.coordinator = true,
};

bool ephemeral_ends(const struct instance *inst, const struct power_options *options)
{
	return options->action == POWER_STOP && !inst->adopted && json_bool(inst->desired, "ephemeral", false);
}

struct op *ephemeral_stop(struct berthd *b, const char *name, const struct power_options *options, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);
	const char *locks[] = { NULL }; /* those it follows have them */
	struct op_options o = { .locks = locks };
	cJSON *args;

	if (inst == NULL)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "uuid", json_str_or(json_obj(inst->desired, "config"), "volatile.uuid", ""));
	json_set_int(args, "timeout", options->timeout_s);
	json_set_bool(args, "force", options->force);
	o.resources = cJSON_CreateObject();
	op_resource(o.resources, "instances", "/1.0/instances/%s", name);
	return op_start(b->ops, &ephemeral_kind, args, &o, err);
}
