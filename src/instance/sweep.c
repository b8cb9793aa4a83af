/* SPDX-License-Identifier: MIT */
/*
 * What LXC's monitor process would have removed, had it not been killed: what nics have on the host, the mount of an
 * overlay, the cgroups, which are how we know. An empty group that is just about to be used looks like one that was left. So groups are removed under the
 * instance's lock only, and while LXC has no monitor process for it, which listens before it makes them.
 */
#include "instance/sweep.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/reboot.h"
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

/* In this order: a group made in between belongs to a monitor process that listens already. It does not listen any more
 * while its post-stop hooks run. */
static bool is_needed(const struct berthd *b, const char *name)
{
	const struct instance *inst = registry_get(b->registry, name);

	return cgroup_left(name) && !lxc_may_be_active(b->settings->system_path, name) && (inst == NULL || !reboot_is(b, inst));
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

/* What could not be undone is told, and found again by the next start, which makes it anew. */
static enum op_result undone(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct work *w = op_data(op);

	if (proc_check("berth-rootfs", result, err) < 0)
		log_warning("instance '%s': something is left of its last run: %s", w->name, err->msg);
	error_clear(err);
	return sweep_cgroups(op, err);
}

/* As the post-stop hook does, see model/render.c. */
static enum op_result sweep_remains(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);
	struct argv argv = ARGV_INIT;

	if (inst != NULL && inst->adopted)
		return sweep_cgroups(op, err);
	if (storage_mounted(w))
		return storage_unmount(op, w, undone, err);
	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_pushl(&argv, "nics-down", w->dir, NULL);
	return op_child(op, &argv, undone, err);
}

enum op_result step_sweep_remains(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return is_needed(w->b, w->name) ? sweep_remains(op, err) : OP_DONE;
}

static const struct op_step sweep_steps[] = { { "sweep", step_sweep_remains, NULL, 0, 0 }, { 0 } };
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

/* Who holds the lock starts it, which sweeps first, or changes it, and then it waits for the next start. */
static void look(struct berthd *b, const char *name)
{
	const struct instance *inst = b->registry != NULL ? registry_get(b->registry, name) : NULL;
	AUTO_FREE char *lock = mem_printf("instance/%s", name);
	struct error err = ERROR_INIT;
	cJSON *args;

	if (inst == NULL || inst->state != LXC_STOPPED || op_locked(b->ops, lock) || !is_needed(b, name))
		return;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	if (work_start(b, &sweep_kind, args, &err) == NULL)
		log_warning("instance '%s': something is left of its last run: %s", name, err.msg);
}

static void look_cb(uv_timer_t *timer)
{
	struct sweep *s = timer->data;

	look(s->b, s->name);
	uv_close((uv_handle_t *)timer, closed_cb);
}

void sweep_later(struct berthd *b, const char *name)
{
	struct sweep *s = mem_alloc(sizeof(*s));

	look(b, name);
	s->b = b;
	s->name = mem_strdup(name);
	s->timer.data = s;
	uv_timer_init(b->loop, &s->timer);
	uv_timer_start(&s->timer, look_cb, LOOK_AFTER_MS, 0);
	uv_unref((uv_handle_t *)&s->timer);
}
