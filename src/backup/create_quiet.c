/* SPDX-License-Identifier: MIT */
/*
 * An instance that is to hold still while it is read. That we stopped or froze it is in the journal before we do it, and
 * is taken back whatever happens; what others did to it is left alone.
 */
#include <string.h>

#include "backup/making.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/settings.h"

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
	AUTO_FREE char *init = NULL;
	struct proc_spec spec = { 0 };

	if (inst == NULL)
		return OP_FAIL;
	/* one that goes down already runs afterwards, too: an earlier backup may have asked it to */
	if (!mode_is(m, "stop") || inst->state == LXC_STOPPED || inst->state == LXC_FROZEN)
		return OP_DONE;
	init = backup_run_of(inst);
	json_set_str(m->w.args, "init", init != NULL ? init : "");
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

	return json_bool(m->w.args, "stopped", false) ? step_sweep_remains(op, err) : OP_DONE;
}

/* The backup is worth keeping all the same: what went wrong is told at its end (step_backup_report). */
static enum op_result tried(struct op *op, const struct proc_result *result, struct error *err)
{
	struct making *m = op_data(op);

	if (power_started(op, result, err) == OP_DONE)
		return OP_DONE;
	log_error("instance '%s', after it was stopped for a backup: %s", m->w.name, err->msg);
	json_set_str(m->w.args, "down", err->msg);
	error_clear(err);
	return step_unstart_cut_short(op, err);
}

enum op_result step_backup_start(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_get(m->w.b->registry, m->w.name);
	struct error failed = ERROR_INIT;

	json_set(m->w.args, "down", NULL);
	if (!json_bool(m->w.args, "stopped", false) || inst == NULL || work_active(&m->w))
		return OP_DONE;
	if (power_start(op, tried, &failed) == OP_WAIT)
		return OP_WAIT;
	log_error("instance '%s', after it was stopped for a backup: %s", m->w.name, failed.msg);
	json_set_str(m->w.args, "down", failed.msg);
	return OP_DONE;
}

enum op_result step_backup_started(struct op *op, struct error *err)
{
	struct making *m = op_data(op);

	if (json_str(m->w.args, "down") == NULL)
		json_set_bool(m->w.args, "stopped", false);
	return OP_DONE;
}

enum op_result step_backup_report(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const char *why = json_str(m->w.args, "down");

	if (why == NULL)
		return OP_DONE;
	error_set(err, ERROR_TOOL, "the backup '%s' was made, but '%s' is down: %s", m->file, m->w.name, why);
	return OP_FAIL;
}

/* A stop that was given up, by us or by the end of berthd, may still come to its end. */
enum op_result step_backup_unstop(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	const struct instance *inst = registry_get(m->w.b->registry, m->w.name);
	AUTO_FREE char *init = NULL;

	if (!json_bool(m->w.args, "stopped", false) || inst == NULL)
		return OP_DONE;
	if (!work_active(&m->w)) {
		power_stopped(&m->w);
		return step_start(op, err);
	}
	init = backup_run_of(inst);
	if (init != NULL && strcmp(init, json_str_or(m->w.args, "init", "")) != 0)
		return OP_DONE; /* it has been started already */
	return backup_return(m->w.b, m->w.name, json_str_or(m->w.args, "init", ""), err) < 0 ? OP_FAIL : OP_DONE;
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

	if (inst == NULL)
		return OP_FAIL;
	if (!backup_twice(m) || inst->state != LXC_RUNNING)
		return OP_DONE;
	json_set_bool(m->w.args, "froze", true);
	if (op_save(op, err) < 0)
		return OP_FAIL;
	return power_freeze(op, m->w.b, m->w.name, froze, err);
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

	if (!json_bool(m->w.args, "froze", false) || inst == NULL || inst->state == LXC_STOPPED)
		return OP_DONE;
	return power_thaw(op, m->w.b, m->w.name, thawed, err);
}
