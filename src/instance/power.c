/* SPDX-License-Identifier: MIT */
/* Start, stop, restart, freeze and unfreeze. Nothing on disk needs undoing, so these are not journalled. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "instance/nic_probe.h"
#include "instance/proxy.h"
#include "instance/reboots.h"
#include "instance/shift.h"
#include "instance/snapshot.h"
#include "instance/templates.h"
#include "instance/work.h"
#include "lxc/freezer.h"
#include "model/settings.h"

#define LOG_MAX (1 << 20)
#define DAY_S 86400

static struct instance *find(struct work *w, struct error *err)
{
	return registry_find(w->b->registry, w->name, err);
}

/* ---- start */

char *power_pid_file(const struct work *w)
{
	return mem_printf("%s/%s.pid", w->b->settings->run_path, w->name);
}

/* On a full disk LXC would fail for want of this file. */
static bool pid_file_possible(const char *path)
{
	struct error ignored = ERROR_INIT;

	return fs_write_quick(path, "0000000\n", 8, 0600, &ignored) == 0 && unlink(path) == 0;
}

/* lxc-start -p writes the pid of LXC's monitor process; init is its only child. 0 when that cannot be read. */
static pid_t init_pid(const struct work *w)
{
	AUTO_FREE char *path = power_pid_file(w);
	AUTO_FREE char *children = NULL;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	long monitor;

	if (fs_read_file(path, 64, &text, &err) < 0)
		return 0;
	(void)unlink(path);
	monitor = strtol(text.buf, NULL, 10);
	children = mem_printf("/proc/%ld/task/%ld/children", monitor, monitor);
	strbuf_reset(&text);
	if (monitor <= 0 || fs_read_file(children, 4096, &text, &err) < 0)
		return 0;
	return (pid_t)strtol(text.buf, NULL, 10);
}

static void read_log_cause(struct work *w, const char *printed, struct error *err)
{
	AUTO_FREE char *path = fs_join(w->dir, "lxc.log");
	AUTO_STRBUF struct strbuf log = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char cause[512];

	(void)fs_read_file(path, 64 << 20, &log, &ignored);
	if ((size_t)w->log_offset < log.len && log.len - (size_t)w->log_offset < LOG_MAX &&
	    lxc_log_cause(log.buf + w->log_offset, cause, sizeof(cause)))
		error_set(err, ERROR_TOOL, "%s", cause);
	else if (printed != NULL && lxc_log_cause(printed, cause, sizeof(cause)))
		error_set(err, ERROR_TOOL, "%s", cause);
}

static void started_now(struct work *w, struct instance *inst)
{
	char now[TIME_TEXT_SIZE];
	struct error err = ERROR_INIT;
	pid_t pid = init_pid(w);

	registry_set_state(w->b->registry, inst, LXC_RUNNING, pid);
	if (pid == 0)
		registry_refresh(w->b->registry, w->name);
	if (inst->adopted)
		return;
	time_now(now);
	json_set_str(inst->desired, "last_used_at", now);
	json_set(inst->desired, "pending", NULL);
	json_set_str(json_obj(inst->desired, "config"), "volatile.last_state.power", "RUNNING");
	if (registry_save(w->b->registry, inst, JSON_QUICK, &err) < 0)
		log_warning("instance '%s': %s", w->name, err.msg);
	snapshot_due_startup(w->b, inst);
}

enum op_result power_started(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = find(w, err);
	AUTO_FREE char *pid = power_pid_file(w);

	json_set_bool(w->args, "starting", false);
	if (inst == NULL)
		return OP_FAIL;
	if (proc_check("lxc-start", result, err) < 0) {
		json_set_bool(w->args, "cut_short", result->timed_out || result->signal != 0);
		read_log_cause(w, result->errs, err);
		error_wrap(err, "cannot start '%s'", w->name);
		(void)unlink(pid);
		registry_refresh(w->b->registry, w->name);
		return OP_FAIL;
	}
	started_now(w, inst);
	return proxy_wait(op, w->b, w->name, false, err);
}

/* What was changed while nobody rendered it (profiles, another host kernel) is made true before each start. */
static int prepare_start(struct work *w, struct instance *inst, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (inst->adopted)
		return 0;
	if (inst->note != NULL)
		return error_set(err, ERROR_INVALID, "%s", inst->note);
	instance_expand(w->b, inst->desired, &config, &devices);
	if (devices_check_start(devices, err) < 0 || proxy_check(w->b, devices, err) < 0)
		return -1;
	return work_render(w->b, w->name, w->dir, inst->desired, err);
}

enum op_result power_start(struct op *op, op_child_cb done, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = find(w, err);
	AUTO_FREE char *log = fs_join(w->dir, "lxc.log");
	AUTO_FREE char *pid = power_pid_file(w);
	struct argv argv = ARGV_INIT;
	struct stat st;

	if (inst == NULL)
		return OP_FAIL;
	if (prepare_start(w, inst, err) < 0) {
		error_wrap(err, "cannot start '%s'", w->name);
		return OP_FAIL;
	}
	/* a log that has grown large starts anew; LXC appends to it for ever */
	if (lstat(log, &st) == 0 && st.st_size > LOG_MAX)
		(void)unlink(log);
	w->log_offset = lstat(log, &st) == 0 ? (long)st.st_size : 0;
	unstart_prepare(w, inst);
	lxc_argv_start(&argv, w->b->settings->system_path, w->name, log);
	if (pid_file_possible(pid))
		argv_pushl(&argv, "-p", pid, NULL);
	json_set_bool(w->args, "starting", true);
	return op_child(op, &argv, done, err);
}

static enum op_result start_rendered(struct op *op, struct error *err)
{
	return power_start(op, power_started, err);
}

static enum op_result start_with_templates(struct op *op, struct error *err)
{
	enum op_result rc = templates_apply(op, start_rendered, err);

	return rc == OP_DONE ? start_rendered(op, err) : rc;
}

static enum op_result start_probed(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct work *w = op_data(op);

	if (nic_probed(result, err) == 0)
		return start_with_templates(op, err);
	error_wrap(err, "cannot start '%s'", w->name);
	return OP_FAIL;
}

static enum op_result start_shifted(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = find(w, err);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	enum op_result rc;

	if (inst == NULL)
		return OP_FAIL;
	if (inst->adopted)
		return start_with_templates(op, err);
	instance_expand(w->b, inst->desired, &config, &devices);
	rc = nic_probe(op, w->b, devices, NULL, start_probed, err);
	return rc == OP_DONE ? start_with_templates(op, err) : rc;
}

static enum op_result shift_then(struct op *op, op_fn next, struct error *err)
{
	const struct work *w = op_data(op);
	enum op_result rc = shift_apply(op, next, err);

	if (rc == OP_FAIL)
		error_wrap(err, "cannot start '%s'", w->name);
	return rc == OP_DONE ? next(op, err) : rc;
}

static enum op_result shifted(struct op *op, struct error *err)
{
	return OP_DONE;
}

enum op_result step_shift(struct op *op, struct error *err)
{
	return shift_then(op, shifted, err);
}

enum op_result step_start(struct op *op, struct error *err)
{
	return shift_then(op, start_shifted, err);
}

enum op_result step_unstart_cut_short(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return json_bool(w->args, "cut_short", false) ? step_unstart(op, err) : OP_DONE;
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
	{ "sweep", step_sweep_cgroups, NULL, 0, 0 },
	{ "shift", step_shift, NULL, SHIFT_S, 0 },
	{ "start", step_start, step_unstart_cut_short, 120, 0 },
	{ "post-start", step_hook, NULL, 3600, 0 },
	{ 0 },
};
static const struct op_step stop_steps[] = {
	{ "pre-stop", step_pre_stop, NULL, 3600, 0 },
	{ "stop", step_power_stop, NULL, 0, 0 },
	{ "settle", step_power_settle, NULL, 0, 0 },
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
	{ "sweep", step_sweep_cgroups, NULL, 0, 0 },
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
