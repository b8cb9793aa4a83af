/* SPDX-License-Identifier: MIT */
/* One power action for all instances: an operation that starts one for each and waits for them. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/instance.h"

struct bulk {
	struct berthd *b;
	struct power_options options;
	struct op *self;
	size_t open;
	bool over; /* it took too long: those still open end without it, the last one frees this */
	struct strbuf failed;
};

static bool concerned(const struct instance *inst, enum power_action action)
{
	switch (action) {
	case POWER_START:
		return inst->state == LXC_STOPPED;
	case POWER_UNFREEZE:
		return inst->state == LXC_FROZEN;
	case POWER_FREEZE:
		return inst->state == LXC_RUNNING;
	case POWER_STOP:
	case POWER_RESTART:
		break;
	}
	return instance_active(inst);
}

static void bulk_done(struct bulk *bulk)
{
	struct error err = ERROR_INIT;

	if (bulk->open > 0)
		return;
	if (bulk->failed.len > 0)
		error_set(&err, ERROR_TOOL, "%s", bulk->failed.buf);
	op_resume(bulk->self, bulk->failed.len > 0 ? OP_FAIL : OP_DONE, &err);
}

static void bulk_free(struct bulk *bulk)
{
	strbuf_clear(&bulk->failed);
	free(bulk);
}

/* LXD's words. */
static void note(struct bulk *bulk, const char *name, const char *msg)
{
	if (bulk->failed.len == 0)
		strbuf_addstr(&bulk->failed, "The following instances failed to update state:");
	strbuf_addf(&bulk->failed, "\n - Instance: %s: %s", name, msg);
}

static void one_ended(struct op *op, void *data)
{
	struct bulk *bulk = data;

	if (op_error(op)->code != ERROR_NONE)
		note(bulk, json_str_or(op_args(op), "name", ""), op_error(op)->msg);
	bulk->open--;
	if (!bulk->over)
		bulk_done(bulk);
	else if (bulk->open == 0)
		bulk_free(bulk);
}

static enum op_result step_all(struct op *op, struct error *err)
{
	struct bulk *bulk = op_data(op);
	const char **names = registry_names(bulk->b->registry);

	bulk->self = op;
	bulk->open = 1; /* ourselves: nothing resumes before all are started */
	for (const char **n = names; *n != NULL; n++) {
		struct error failed = ERROR_INIT;
		struct op *one;

		if (!concerned(registry_get(bulk->b->registry, *n), bulk->options.action))
			continue;
		one = instance_power(bulk->b, *n, &bulk->options, &failed);
		if (one == NULL) {
			note(bulk, *n, failed.msg);
			continue;
		}
		op_set_origin(one, cJSON_Duplicate(op_origin(op), true));
		bulk->open++;
		op_on_end(one, one_ended, bulk);
	}
	free(names);
	bulk->open--;
	bulk_done(bulk);
	return OP_WAIT;
}

static void *bulk_load(void *ctx, cJSON *args, struct error *err)
{
	struct bulk *bulk = mem_alloc(sizeof(*bulk));

	bulk->b = ctx;
	bulk->options.action = (enum power_action)json_int(args, "action", POWER_START);
	bulk->options.timeout_s = (int)json_int(args, "timeout", -1);
	bulk->options.force = json_bool(args, "force", false);
	strbuf_init(&bulk->failed);
	return bulk;
}

static void bulk_unload(void *data)
{
	struct bulk *bulk = data;

	if (bulk == NULL)
		return;
	bulk->over = true;
	if (bulk->open == 0)
		bulk_free(bulk);
}

static const struct op_step bulk_steps[] = { { "all", step_all, NULL, 86400, 0 }, { 0 } };
static const struct op_kind bulk_kind = {
	.name = "bulk",
	.description = "Updating instances",
	.steps = bulk_steps,
	.load = bulk_load,
	.unload = bulk_unload,
	.volatile_ = true,
	.coordinator = true,
};

struct op *instance_power_all(struct berthd *b, const struct power_options *o, struct error *err)
{
	static const char *const none[] = { NULL };
	struct op_options options = { .locks = none, .description = power_description(o->action) };
	const char **names = registry_names(b->registry);
	cJSON *args = cJSON_CreateObject();

	json_set_int(args, "action", o->action);
	json_set_int(args, "timeout", o->timeout_s);
	json_set_bool(args, "force", o->force);
	for (const char **n = names; *n != NULL; n++) {
		if (options.resources == NULL)
			options.resources = cJSON_CreateObject();
		if (concerned(registry_get(b->registry, *n), o->action))
			op_resource(options.resources, "instances", "/1.0/instances/%s", *n);
	}
	free(names);
	return op_start(b->ops, &bulk_kind, args, &options, err);
}
