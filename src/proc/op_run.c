/* SPDX-License-Identifier: MIT */
/* The engine: runs the steps of one operation forward, or their undos backward. */
#include "base/log.h"
#include "proc/op_private.h"

#define STEP_TIMEOUT_S 30

static void step_timeout_cb(uv_timer_t *timer)
{
	struct op *op = timer->data;
	struct error err = ERROR_INIT;

	/* a child has its own timeout; what runs in a thread uses our data until it ends; others' operations keep theirs */
	if (!op->waiting || op->child != NULL || op->in_thread || op->followed != NULL)
		return;
	error_set(&err, ERROR_TIMEOUT, "step '%s' took longer than %u s", op->kind->steps[op->step].name,
		  op->kind->steps[op->step].timeout_s > 0 ? op->kind->steps[op->step].timeout_s : STEP_TIMEOUT_S);
	op_resume(op, OP_FAIL, &err);
}

static void begin_undo(struct op *op, const struct error *err)
{
	if (!op->told)
		op->err = *err;
	if (!op->told && op->cancel && err->code != ERROR_CANCELLED)
		error_set(&op->err, ERROR_CANCELLED, "operation cancelled");
	if (op->committed) { /* cannot go back: the next start goes on from here */
		op->keep_journal = op->journalled && (!(op->kind->steps[op->step].flags & OP_REPORTS) || op->q->draining);
		log_warning("operation %s (%s) failed at '%s' after its point of no return: %s", op->id,
			    op->kind->name, op->kind->steps[op->step].name, err->msg);
		op_finish(op);
		return;
	}
	op->phase = OP_PHASE_UNDO;
	op_changed(op);
}

/* Runs one step function; true when its result is known now. */
static bool call(struct op *op, op_fn fn, enum op_result *ret)
{
	const struct op_step *step = &op->kind->steps[op->step];
	unsigned timeout_s = step->timeout_s > 0 ? step->timeout_s : STEP_TIMEOUT_S;

	error_clear(&op->step_err);
	op->resumed = false;
	op->in_step = true;
	op->waiting = false;
	*ret = fn(op, &op->step_err);
	op->in_step = false;
	if (*ret != OP_WAIT)
		return true;
	if (op->resumed) {
		*ret = op->resume_result;
		return true;
	}
	op->waiting = true;
	if (!(step->flags & OP_ENDLESS))
		uv_timer_start(&op->timer, step_timeout_cb, timeout_s * 1000, 0);
	return false;
}

static bool forward_result(struct op *op, enum op_result result)
{
	struct error err = op->step_err;

	if (result == OP_DONE && op_fault(op, OP_FAULT_AFTER, &err))
		result = OP_FAIL;
	if (result == OP_DONE) {
		if (op->kind->steps[op->step].flags & OP_COMMIT)
			op->committed = true;
		op->step++;
		return true;
	}
	if (err.code == ERROR_NONE)
		error_set(&err, ERROR_SYSTEM, "step '%s' failed", op->kind->steps[op->step].name);
	begin_undo(op, &err);
	return op->phase != OP_PHASE_FINAL;
}

static bool forward_step(struct op *op)
{
	const struct op_step *step = &op->kind->steps[op->step];
	enum op_result result = OP_FAIL;
	bool commit = (step->flags & OP_COMMIT) != 0;

	if (step->name == NULL) {
		op_finish(op);
		return false;
	}
	error_clear(&op->step_err);
	if (op->cancel && !op->committed) {
		error_set(&op->step_err, ERROR_CANCELLED, "operation cancelled");
		begin_undo(op, &op->step_err);
		return true;
	}
	if ((step->flags & OP_TOLD) != 0 && op->committed)
		op_tell(op);
	if (!op->kind->volatile_ && (commit || ((step->undo != NULL || op->committed) && !(step->flags & OP_UNRECORDED))) &&
	    op_journal_save(op, (step->flags & OP_LAZY) != 0 ? JSON_QUICK : JSON_DURABLE, &op->step_err) < 0)
		return forward_result(op, OP_FAIL);
	if (op_fault(op, OP_FAULT_BEFORE, &op->step_err))
		return forward_result(op, OP_FAIL);
	if (!op->told)
		op_changed(op);
	if (!call(op, step->run, &result))
		return false;
	return forward_result(op, result);
}

static bool undo_result(struct op *op, enum op_result result)
{
	const struct op_step *step = &op->kind->steps[op->step];

	if (result == OP_FAIL) {
		log_error("operation %s (%s): cannot undo '%s': %s", op->id, op->kind->name, step->name,
			  op->step_err.msg);
		op->keep_journal = op->journalled && op->kind->undo_later;
	}
	if (op->step == 0) {
		op_finish(op);
		return false;
	}
	op->step--;
	return true;
}

static bool undo_step(struct op *op)
{
	const struct op_step *step = &op->kind->steps[op->step];
	enum op_result result = OP_DONE;

	if (step->name != NULL && step->undo != NULL && !call(op, step->undo, &result))
		return false;
	return undo_result(op, result);
}

void op_advance(struct op *op)
{
	bool more = true;

	while (more) {
		if (op->phase == OP_PHASE_FORWARD) {
			more = forward_step(op);
		} else if (op->phase == OP_PHASE_UNDO) {
			more = undo_step(op);
		} else {
			more = false;
		}
	}
}

void op_resume(struct op *op, enum op_result result, const struct error *err)
{
	bool more;

	if (err != NULL && result == OP_FAIL)
		op->step_err = *err;
	if (op->in_step) {
		op->resumed = true;
		op->resume_result = result;
		return;
	}
	if (!op->waiting)
		return; /* the timeout was first */
	op->waiting = false;
	uv_timer_stop(&op->timer);
	if (op->phase == OP_PHASE_FORWARD)
		more = forward_result(op, result);
	else
		more = undo_result(op, result);
	if (more)
		op_advance(op);
}
