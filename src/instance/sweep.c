/* SPDX-License-Identifier: MIT */
/*
 * An empty group that is just about to be used looks like one that was left. So groups are removed under the
 * instance's lock only, and while LXC has no monitor process for it, which listens before it makes them.
 */
#include "instance/sweep.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/work.h"
#include "lxc/active.h"
#include "lxc/cgroup.h"
#include "model/settings.h"

#define LOOK_AFTER_MS 2000

struct sweep {
	uv_timer_t timer;
	struct berthd *b;
	char *name;
};

/* In this order: a group made in between belongs to a monitor process that listens already. */
static bool is_needed(const struct berthd *b, const char *name)
{
	return cgroup_left(name) && !lxc_may_be_active(b->settings->system_path, name);
}

static int sweep_fn(void *arg, struct error *err)
{
	cgroup_sweep(arg);
	return 0;
}

enum op_result sweep_cgroups(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return op_thread(op, sweep_fn, w->name, err);
}

enum op_result step_sweep_cgroups(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return is_needed(w->b, w->name) ? sweep_cgroups(op, err) : OP_DONE;
}

static const struct op_step sweep_steps[] = { { "sweep", step_sweep_cgroups, NULL, 0, 0 }, { 0 } };
static const struct op_kind sweep_kind = {
	.name = "sweep",
	.description = "Cleaning up instance",
	.steps = sweep_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true,
};

static void closed_cb(uv_handle_t *handle)
{
	struct sweep *s = handle->data;

	free(s->name);
	free(s);
}

static void look_cb(uv_timer_t *timer)
{
	struct sweep *s = timer->data;
	const struct instance *inst = s->b->registry != NULL ? registry_get(s->b->registry, s->name) : NULL;
	AUTO_FREE char *lock = mem_printf("instance/%s", s->name);
	struct error err = ERROR_INIT;
	cJSON *args;

	/* who holds the lock starts it, which sweeps first, or changes it, and then it waits for the next start */
	if (inst != NULL && inst->state == LXC_STOPPED && !op_locked(s->b->ops, lock) && is_needed(s->b, s->name)) {
		args = cJSON_CreateObject();
		json_set_str(args, "name", s->name);
		if (work_start(s->b, &sweep_kind, args, &err) == NULL)
			log_warning("instance '%s': its cgroups are left: %s", s->name, err.msg);
	}
	uv_close((uv_handle_t *)timer, closed_cb);
}

void sweep_later(struct berthd *b, const char *name)
{
	struct sweep *s = mem_alloc(sizeof(*s));

	s->b = b;
	s->name = mem_strdup(name);
	s->timer.data = s;
	uv_timer_init(b->loop, &s->timer);
	uv_timer_start(&s->timer, look_cb, LOOK_AFTER_MS, 0);
	uv_unref((uv_handle_t *)&s->timer);
}
