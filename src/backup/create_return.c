/* SPDX-License-Identifier: MIT */
/*
 * An instance that was asked to stop for a backup, and did not in its time, may go down later all the same: then it is
 * started again. That is waited for without its lock, for an hour, beyond an end of berthd. Whatever its user does
 * with it meanwhile is right, and ends this.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup/making.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "model/settings.h"

enum { RETURN_S = 3600 };

/* Is it still the run that was asked to end? */
static bool same_run(const struct work *w, const struct instance *inst)
{
	AUTO_FREE char *init = process_id(inst->pid, NULL);

	return init == NULL || strcmp(init, json_str_or(w->args, "init", "")) == 0;
}

static enum op_result ended(struct op *op, struct error *err)
{
	power_stopped(op_data(op));
	return OP_DONE;
}

static enum op_result waited(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);

	if (result->exit_code == 0)
		return monitor_end(op, w, false, ended, err);
	/* berthd ends: its next run goes on */
	if (result->signal != 0 && !result->timed_out) {
		error_set(err, ERROR_CANCELLED, "nobody waits for the end of '%s' any more", w->name);
		return OP_FAIL;
	}
	return work_active(w) ? OP_DONE : ended(op, err);
}

/* From here on the next start goes on. */
static enum op_result step_begin(struct op *op, struct error *err)
{
	return OP_DONE;
}

static int begin(struct berthd *b, const char *name, const char *init, int64_t until, struct error *err);

/* berthd listens when what it found in the journal has ended: this must not keep it from that. */
static enum op_result hand_on(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	json_set_bool(w->args, "handed_on", true);
	return begin(w->b, w->name, json_str_or(w->args, "init", ""), json_int(w->args, "until", 0), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_await(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);
	int64_t left = json_int(w->args, "until", 0) - (int64_t)time(NULL);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { 0 };
	enum op_result result;

	if (op_recovering(op))
		return hand_on(op, err);
	if (inst == NULL || !same_run(w, inst) || left <= 0 || left > RETURN_S)
		return OP_DONE;
	if (!work_active(w))
		return ended(op, err);
	argv_pushl(&argv, "lxc-wait", "-P", w->b->settings->system_path, "-n", w->name, "-s", "STOPPED", "-t", NULL);
	argv_pushf(&argv, "%lld", (long long)left);
	spec.argv = (const char *const *)argv.v;
	spec.timeout_ms = (unsigned)(left + 30) * 1000;
	result = op_child_spec(op, &spec, waited, err);
	if (result == OP_WAIT)
		op_child_expendable(op);
	return result;
}

/*
 * last_state.power is what its user wants: a stop that berth made noted it. What LXC says now, not the registry: events of
 * the end may still come, and say that it stops.
 */
static bool wanted(const struct work *w)
{
	const struct instance *inst = registry_get(w->b->registry, w->name);

	return inst != NULL && !inst->adopted && !work_active(w) &&
	       strcmp(json_str_or(json_obj(inst->desired, "config"), "volatile.last_state.power", ""), "RUNNING") == 0;
}

static enum op_result step_start_wanted(struct op *op, struct error *err)
{
	return wanted(op_data(op)) ? step_start(op, err) : OP_DONE;
}

static const struct op_step start_steps[] = {
	{ "sweep", step_sweep_remains, NULL, 0, 0 },
	{ "start", step_start_wanted, step_unstart_cut_short, 120, 0 },
	{ 0 },
};

static const struct op_kind start_kind = {
	.name = "backup-start",
	.description = "Starting instance that a backup stopped",
	.steps = start_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true,
	.always = true,
};

static enum op_result started(struct op *op, struct op *other, struct error *err)
{
	const struct work *w = op_data(op);

	if (err->code == ERROR_NONE)
		return OP_DONE;
	log_error("instance '%s' went down after a backup had asked it to: %s", w->name, err->msg);
	return OP_FAIL;
}

static enum op_result step_start_again(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *args;

	if (json_bool(w->args, "handed_on", false) || !wanted(w))
		return OP_DONE;
	args = cJSON_CreateObject();
	json_set_str(args, "name", w->name);
	return op_follow(op, work_start(w->b, &start_kind, args, err), started, err);
}

static const struct op_step steps[] = {
	{ "begin", step_begin, NULL, 0, OP_COMMIT },
	{ "await", step_await, NULL, RETURN_S + 60, 0 },
	{ "start", step_start_again, NULL, 3600, OP_REPORTS },
	{ 0 },
};

static const struct op_kind return_kind = {
	.name = "backup-return",
	.description = "Waiting for an instance that was asked to stop",
	.steps = steps,
	.load = work_load,
	.unload = work_unload,
	.coordinator = true,
	.always = true,
};

char *backup_run_of(const struct instance *inst)
{
	return inst->pid > 0 ? process_id(inst->pid, NULL) : NULL;
}

static int begin(struct berthd *b, const char *name, const char *init, int64_t until, struct error *err)
{
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s", name);
	struct op_options options = { .resources = cJSON_CreateObject() };
	cJSON *args = cJSON_CreateObject();
	struct op *op;

	cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "instances"), cJSON_CreateString(url));
	json_set_str(args, "name", name);
	json_set_str(args, "init", init);
	json_set_int(args, "until", until);
	json_set_bool(args, "restart", true); /* power_stopped(): last_state.power stays as it is */
	op = op_start(b->ops, &return_kind, args, &options, err);
	return op != NULL ? op_save(op, err) : -1;
}

int backup_return(struct berthd *b, const char *name, const char *init, struct error *err)
{
	return begin(b, name, init, (int64_t)time(NULL) + RETURN_S, err);
}

void backup_return_register(struct op_queue *q)
{
	op_queue_register(q, &return_kind);
}
