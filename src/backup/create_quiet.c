/* SPDX-License-Identifier: MIT */
/*
 * An instance that is to hold still while it is read. That we stopped or froze it is in the journal before we do it, and
 * is taken back whatever happens; what others did to it is left alone.
 */
#include <string.h>

#include "backup/making.h"
#include "base/json.h"
#include "model/settings.h"

enum { UNSTOP_S = 10 };

static bool mode_is(const struct making *m, const char *mode)
{
	return strcmp(json_str_or(m->w.args, "mode", "live"), mode) == 0;
}

/* ---- stop */

static enum op_result asked_to_stop(struct op *op, const struct proc_result *result, struct error *err)
{
	struct making *m = op_data(op);

	if (proc_check("lxc-stop", result, err) == 0 || !work_active(&m->w)) {
		error_clear(err);
		power_stopped(&m->w);
		return OP_DONE;
	}
	registry_refresh(m->w.b->registry, m->w.name);
	if (op_status(op) == OP_CANCELLING)
		return OP_FAIL;
	if (json_bool(m->w.args, "force", false)) {
		error_clear(err);
		return step_kill(op, err);
	}
	if (result->exit_code == 1 && result->errs_len == 0)
		error_set(err, ERROR_TIMEOUT,
			  "'%s' did not shut down within %lld s, so it is not backed up: give it more time, kill it with --force, or use "
			  "the mode freeze", m->w.name, (long long)json_int(m->w.args, "timeout", 0));
	return OP_FAIL;
}

enum op_result step_backup_stop(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_find(m->w.b->registry, m->w.name, err);
	int timeout = (int)json_int(m->w.args, "timeout", 60);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { 0 };

	if (inst == NULL)
		return OP_FAIL;
	if (!mode_is(m, "stop") || inst->state != LXC_RUNNING)
		return OP_DONE;
	json_set_bool(m->w.args, "stopped", true);
	json_set_bool(m->w.args, "restart", true); /* power_stopped(): last_state.power stays as it is */
	if (op_save(op, err) < 0)
		return OP_FAIL;
	lxc_argv_shutdown(&argv, m->w.b->settings->system_path, m->w.name, timeout);
	spec.argv = (const char *const *)argv.v;
	spec.timeout_ms = (unsigned)(timeout + 30) * 1000;
	return op_child_spec(op, &spec, asked_to_stop, err);
}

enum op_result step_backup_settle(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	if (!json_bool(m->w.args, "stopped", false) || !storage_mounted(&m->w))
		return OP_DONE;
	return storage_unmount(op, &m->w, NULL, err);
}

enum op_result step_backup_sweep(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	return json_bool(m->w.args, "stopped", false) ? step_sweep_cgroups(op, err) : OP_DONE;
}

enum op_result step_backup_start(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_get(m->w.b->registry, m->w.name);

	if (!json_bool(m->w.args, "stopped", false) || inst == NULL || inst->state != LXC_STOPPED)
		return OP_DONE;
	return step_start(op, err);
}

enum op_result step_backup_started(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	json_set_bool(m->w.args, "stopped", false);
	return OP_DONE;
}

static enum op_result waited(struct op *op, const struct proc_result *result, struct error *err)
{
	struct making *m = op_data(op);

	if (work_active(&m->w))
		return OP_DONE; /* it did not listen to what we asked, and goes on */
	power_stopped(&m->w);
	return step_start(op, err);
}

/* A stop that was given up, by us or by the end of berthd, may still come to its end: that is waited for. */
enum op_result step_backup_unstop(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_get(m->w.b->registry, m->w.name);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .timeout_ms = 2 * UNSTOP_S * 1000 };

	if (!json_bool(m->w.args, "stopped", false) || inst == NULL)
		return OP_DONE;
	if (inst->state == LXC_STOPPED)
		return step_start(op, err);
	argv_pushl(&argv, "lxc-wait", "-P", m->w.b->settings->system_path, "-n", m->w.name, "-s", "STOPPED", "-t", NULL);
	argv_pushf(&argv, "%d", UNSTOP_S);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, waited, err);
}

/* ---- freeze */

static enum op_result froze(struct op *op, const struct proc_result *result, struct error *err)
{
	struct making *m = op_data(op);
	struct instance *inst = registry_get(m->w.b->registry, m->w.name);

	if (inst == NULL || proc_check("lxc-freeze", result, err) < 0)
		return OP_FAIL;
	registry_set_state(m->w.b->registry, inst, LXC_FROZEN, 0);
	return OP_DONE;
}

enum op_result step_backup_freeze(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_find(m->w.b->registry, m->w.name, err);
	struct argv argv = ARGV_INIT;

	if (inst == NULL)
		return OP_FAIL;
	if (!backup_twice(m) || inst->state != LXC_RUNNING)
		return OP_DONE;
	json_set_bool(m->w.args, "froze", true);
	if (op_save(op, err) < 0)
		return OP_FAIL;
	lxc_argv_freeze(&argv, m->w.b->settings->system_path, m->w.name);
	return op_child(op, &argv, froze, err);
}

static enum op_result thawed(struct op *op, const struct proc_result *result, struct error *err)
{
	struct making *m = op_data(op);
	struct instance *inst = registry_get(m->w.b->registry, m->w.name);

	if (proc_check("lxc-unfreeze", result, err) < 0 && work_active(&m->w))
		return OP_FAIL;
	error_clear(err);
	json_set_bool(m->w.args, "froze", false);
	if (inst != NULL && inst->state == LXC_FROZEN)
		registry_set_state(m->w.b->registry, inst, LXC_RUNNING, 0);
	return OP_DONE;
}

enum op_result step_backup_thaw(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_get(m->w.b->registry, m->w.name);
	struct argv argv = ARGV_INIT;

	if (!json_bool(m->w.args, "froze", false) || inst == NULL || inst->state == LXC_STOPPED)
		return OP_DONE;
	lxc_argv_unfreeze(&argv, m->w.b->settings->system_path, m->w.name);
	return op_child(op, &argv, thawed, err);
}
