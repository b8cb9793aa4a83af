/* SPDX-License-Identifier: MIT */
/* Stop, freeze, unfreeze, and the operations of these and of starts (start.c). Nothing on disk needs undoing, so these are not journalled. */
#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "hook/hook.h"
#include "instance/proxy.h"
#include "instance/reboots.h"
#include "instance/work.h"
#include "lxc/freezer.h"
#include "model/settings.h"

#define DAY_S 86400

static struct instance *find(struct work *w, struct error *err)
{
	return registry_find(w->b->registry, w->name, err);
}

static enum op_result step_check_start(struct op *op, struct error *err)
{
	struct instance *inst = find(op_data(op), err);

	if (inst == NULL)
		return OP_FAIL;
	if (inst->state == LXC_STOPPED)
		return OP_DONE;
	error_set(err, ERROR_INVALID, inst->state == LXC_FROZEN ? "The instance is frozen: resume it instead" :
		  "The instance is already running");
	return OP_FAIL;
}

/* ---- stop */

/* The monitor process unmounts by hook; when it was killed, nobody did. */
enum op_result step_power_settle(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return storage_mounted(w) ? storage_unmount(op, w, NULL, err) : OP_DONE;
}

/* What listened for it does so no longer when the stop is answered. */
enum op_result step_proxies_gone(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);

	return proxy_wait(op, w->b, w->name, false, err);
}

void power_stopped(struct work *w)
{
	struct instance *inst = registry_get(w->b->registry, w->name);
	struct error err = ERROR_INIT;

	if (inst == NULL)
		return;
	registry_set_state(w->b->registry, inst, LXC_STOPPED, 0);
	inst->ended = true;
	if (inst->adopted)
		return;
	reboots_forget(w->b, w->name);
	if (json_bool(w->args, "restart", false))
		return;
	json_set(inst->desired, "pending", NULL);
	json_set_str(json_obj(inst->desired, "config"), "volatile.last_state.power", "STOPPED");
	if (registry_save(w->b->registry, inst, JSON_QUICK, &err) < 0 && err.code != ERROR_NOT_FOUND)
		log_warning("instance '%s': %s", w->name, err.msg);
}

static bool has_stopped(struct work *w, const struct proc_result *result, struct error *err)
{
	const struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst == NULL || inst->state == LXC_STOPPED) /* it ended meanwhile */
		return true;
	if (proc_check("lxc-stop", result, err) < 0)
		return !work_active(w);
	if (inst->pid <= 0 || kill(inst->pid, 0) < 0 || !work_active(w))
		return true;
	error_set(err, ERROR_TOOL, "'lxc-stop' ended, but '%s' still runs", w->name);
	return false;
}

static enum op_result killed(struct op *op, struct error *err)
{
	power_stopped(op_data(op));
	return OP_DONE;
}

/* lxc-stop's words for it: mostly none. */
static bool time_is_over(const struct proc_result *result)
{
	return result->exit_code == 1 &&
	       (result->errs_len == 0 || strstr(result->errs, "Resource temporarily unavailable") != NULL);
}

static enum op_result stopped(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	bool asking = json_bool(w->args, "asking", false);

	json_set_bool(w->args, "asking", false);
	if (!asking && result->timed_out)
		return monitor_end(op, w, true, killed, err);
	if (has_stopped(w, result, err)) {
		power_stopped(w);
		return OP_DONE;
	}
	registry_refresh(w->b->registry, w->name);
	if (asking && time_is_over(result))
		error_set(err, ERROR_TIMEOUT, "'%s' did not shut down within %lld s: end it with --force, or give it more time",
			  w->name, (long long)json_int(w->args, "timeout", -1));
	return OP_FAIL;
}

static enum op_result run_stop(struct op *op, struct work *w, bool force, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	int timeout = (int)json_int(w->args, "timeout", -1);
	struct proc_spec spec = { 0 };

	if (force)
		lxc_argv_kill(&argv, w->b->settings->system_path, w->name);
	else
		lxc_argv_shutdown(&argv, w->b->settings->system_path, w->name, timeout);
	json_set_bool(w->args, "asking", !force);
	spec.argv = (const char *const *)argv.v;
	/* lxc-stop keeps its own time; ours only ends one that hangs */
	spec.timeout_ms = force ? 60000 : (unsigned)((timeout < 0 || timeout > DAY_S ? DAY_S : timeout) + 30) * 1000;
	return op_child_spec(op, &spec, stopped, err);
}

enum op_result power_freeze(struct op *op, struct berthd *b, const char *name, op_child_cb done, struct error *err)
{
	const struct instance *inst = registry_get(b->registry, name);
	struct argv argv = ARGV_INIT;

	if (inst != NULL)
		freezer_ahead(name, inst->pid, b->probe->cgroups);
	lxc_argv_freeze(&argv, b->settings->system_path, name);
	return op_child(op, &argv, done, err);
}

enum op_result power_thaw(struct op *op, struct berthd *b, const char *name, op_child_cb done, struct error *err)
{
	const struct instance *inst = registry_get(b->registry, name);
	struct argv argv = ARGV_INIT;

	if (inst != NULL)
		freezer_thaw(name, inst->pid, b->probe->cgroups);
	lxc_argv_unfreeze(&argv, b->settings->system_path, name);
	return op_child(op, &argv, done, err);
}

static enum op_result thawed_for_stop(struct op *op, const struct proc_result *result, struct error *err)
{
	if (proc_check("lxc-unfreeze", result, err) < 0)
		return OP_FAIL;
	return run_stop(op, op_data(op), false, err);
}

enum op_result step_power_stop(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = find(w, err);
	bool force = json_bool(w->args, "force", false);

	if (inst == NULL)
		return OP_FAIL;
	if (inst->state == LXC_STOPPED) {
		error_set(err, ERROR_INVALID, "The instance is already stopped");
		return OP_FAIL;
	}
	if (inst->state != LXC_FROZEN || force)
		return run_stop(op, w, force, err);
	return power_thaw(op, w->b, w->name, thawed_for_stop, err);
}

enum op_result step_kill(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst == NULL || inst->state == LXC_STOPPED)
		return step_power_settle(op, err);
	return run_stop(op, w, true, err);
}

/*
 * Whoever ends it by force cannot wait for hooks, nor be refused by them: then there is no pre-stop. Nor when it
 * does not run, which the stop says.
 */
static enum op_result step_pre_stop(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);

	if (json_bool(w->args, "force", false) || inst == NULL || !instance_active(inst))
		return OP_DONE;
	return step_hook(op, err);
}

enum op_result step_power_hook(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);
	bool started = strcmp(op_step_name(op), "post-start") == 0;

	/* recovered after a restart of the host, it does not run any more */
	if (!json_bool(w->args, "ran", false) || inst == NULL || (started && !instance_active(inst)))
		return OP_DONE;
	return step_hook(op, err);
}

/* An ephemeral instance goes when it has stopped: queued behind this operation. */
static enum op_result step_reap(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_get(w->b->registry, w->name);
	struct error failed = ERROR_INIT;

	if (inst != NULL && json_bool(inst->desired, "ephemeral", false) &&
	    instance_delete(w->b, w->name, false, &failed) == NULL)
		log_warning("cannot delete the ephemeral instance '%s': %s", w->name, failed.msg);
	return OP_DONE;
}

/* ---- freeze */

static enum op_result froze(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = find(w, err);
	bool freeze = strcmp(json_str_or(w->args, "action", ""), "freeze") == 0;

	if (inst == NULL || proc_check(freeze ? "lxc-freeze" : "lxc-unfreeze", result, err) < 0)
		return OP_FAIL;
	registry_set_state(w->b->registry, inst, freeze ? LXC_FROZEN : LXC_RUNNING, 0);
	return OP_DONE;
}

static enum op_result step_freeze(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = find(w, err);
	struct argv argv = ARGV_INIT;

	if (inst == NULL)
		return OP_FAIL;
	if (inst->state != LXC_RUNNING) {
		error_set(err, ERROR_INVALID, inst->state == LXC_FROZEN ? "The container is already frozen" :
			  "The instance isn't running");
		return OP_FAIL;
	}
	lxc_argv_freeze(&argv, w->b->settings->system_path, w->name);
	return op_child(op, &argv, froze, err);
}

static enum op_result step_unfreeze(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = find(w, err);

	if (inst == NULL)
		return OP_FAIL;
	if (inst->state != LXC_FROZEN) {
		error_set(err, ERROR_INVALID, inst->state == LXC_RUNNING ? "The container is already running" :
			  "The instance isn't running");
		return OP_FAIL;
	}
	return power_thaw(op, w->b, w->name, froze, err);
}

/* ---- kinds */

static const struct op_step start_steps[] = {
	{ "check", step_check_start, NULL, 0, 0 },
	{ "pre-start", step_hook, NULL, 3600, 0 },
	{ "sweep", step_sweep_remains, NULL, 0, 0 },
	{ "shift", step_shift, NULL, SHIFT_S, 0 },
	{ "start", step_start, step_unstart_cut_short, 120, 0 },
	{ "post-start", step_hook, NULL, 3600, 0 },
	{ 0 },
};
static const struct op_step stop_steps[] = {
	{ "pre-stop", step_pre_stop, NULL, 3600, 0 },
	{ "stop", step_power_stop, NULL, 0, 0 },
	{ "settle", step_power_settle, NULL, 0, 0 },
	{ "proxies", step_proxies_gone, NULL, 0, 0 },
	{ "post-stop", step_hook, NULL, 3600, 0 },
	{ "reap", step_reap, NULL, 0, 0 },
	{ 0 },
};
static const struct op_step restart_steps[] = {
	{ "pre-stop", step_pre_stop, NULL, 3600, 0 },
	{ "stop", step_power_stop, NULL, 0, 0 },
	{ "settle", step_power_settle, NULL, 0, 0 },
	{ "post-stop", step_hook, NULL, 3600, 0 },
	{ "pre-start", step_hook, NULL, 3600, 0 },
	{ "sweep", step_sweep_remains, NULL, 0, 0 },
	{ "shift", step_shift, NULL, SHIFT_S, 0 },
	{ "start", step_start, step_unstart_cut_short, 120, 0 },
	{ "post-start", step_hook, NULL, 3600, 0 },
	{ 0 },
};
static const struct op_step freeze_steps[] = { { "freeze", step_freeze, NULL, 0, 0 }, { 0 } };
static const struct op_step unfreeze_steps[] = { { "unfreeze", step_unfreeze, NULL, 0, 0 }, { 0 } };

#define POWER_KIND(n, d, s, ...) { .name = n, .description = d, .steps = s, .load = work_load, .unload = work_unload, \
				   .volatile_ = true, __VA_ARGS__ }
/* What may be cancelled waits for others: a container that shuts down, the hooks of one that starts. */
static const struct {
	const char *action;
	struct op_kind kind;
} actions[] = {
	[POWER_START] = { "start", POWER_KIND("start", "Starting instance", start_steps, .may_cancel = true) },
	[POWER_STOP] = { "stop", POWER_KIND("stop", "Stopping instance", stop_steps, .may_cancel = true, .patient = true) },
	[POWER_RESTART] = { "restart", POWER_KIND("restart", "Restarting instance", restart_steps, .may_cancel = true,
						  .patient = true) },
	[POWER_FREEZE] = { "freeze", POWER_KIND("freeze", "Freezing instance", freeze_steps, .may_cancel = false) },
	[POWER_UNFREEZE] = { "unfreeze", POWER_KIND("unfreeze", "Unfreezing instance", unfreeze_steps, .may_cancel = false) },
};

int power_action_parse(const char *name, enum power_action *ret, struct error *err)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].action, name) != 0)
			continue;
		*ret = (enum power_action)i;
		return 0;
	}
	return error_set(err, ERROR_INVALID, "Unknown action: '%s' (start, stop, restart, freeze, unfreeze)", name);
}

const char *power_description(enum power_action action)
{
	return actions[action].kind.description;
}

struct overtaking {
	const char *name;
	bool starts;
};

static bool is_hook(const char *step)
{
	return strncmp(step, "pre-", 4) == 0 || strncmp(step, "post-", 5) == 0;
}

static void overtake(struct op *op, void *data)
{
	const struct overtaking *o = data;
	const cJSON *args = op_args(op);
	struct error ignored = ERROR_INIT;

	if ((op_is(op, &actions[POWER_START].kind) || op_is(op, &actions[POWER_STOP].kind) ||
	     op_is(op, &actions[POWER_RESTART].kind) || reboots_is(op)) &&
	    (json_bool(args, "asking", false) || is_hook(op_step_name(op)) ||
	     (o->starts && json_bool(args, "starting", false))) &&
	    strcmp(json_str_or(args, "name", ""), o->name) == 0)
		(void)op_cancel(op, &ignored);
}

void power_overtake(struct berthd *b, const char *name, bool starts)
{
	struct overtaking o = { name, starts };

	op_foreach(b->ops, overtake, &o);
}

struct op *instance_power(struct berthd *b, const char *name, const struct power_options *o, struct error *err)
{
	cJSON *args;

	if (registry_find(b->registry, name, err) == NULL)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "action", actions[o->action].action);
	json_set_int(args, "timeout", o->timeout_s);
	json_set_bool(args, "force", o->force);
	json_set_bool(args, "restart", o->action == POWER_RESTART || o->host_down);
	if (o->force && (o->action == POWER_STOP || o->action == POWER_RESTART))
		power_overtake(b, name, false);
	return work_start(b, &actions[o->action].kind, args, err);
}
