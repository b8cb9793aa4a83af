/* SPDX-License-Identifier: MIT */
/* What steps wait for: children, other operations, and work in threads. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proc/op_private.h"

static void child_exit_cb(const struct proc_result *result, void *data)
{
	struct op *op = data;
	op_child_cb done = op->child_done;
	AUTO_FREE char *name = op->child_name;
	struct error err = ERROR_INIT;
	enum op_result r;

	op->child = NULL;
	op->child_done = NULL;
	op->child_name = NULL;
	if (done != NULL)
		r = done(op, result, &err);
	else
		r = proc_check(name, result, &err) < 0 ? OP_FAIL : OP_DONE;
	if (r != OP_WAIT)
		op_resume(op, r, &err);
}

enum op_result op_child_spec(struct op *op, const struct proc_spec *spec, op_child_cb done, struct error *err)
{
	const struct op_step *step = &op->kind->steps[op->step];
	struct proc_spec s = *spec;
	const char *slash = strrchr(spec->argv[0], '/');

	if (op->child != NULL)
		abort(); /* one child at a time */
	s.on_exit = child_exit_cb;
	s.data = op;
	if (s.timeout_ms == 0)
		s.timeout_ms = (step->timeout_s > 0 ? step->timeout_s : 30) * 1000;
	op->child = proc_start(op->q->loop, &s, err);
	if (op->child == NULL)
		return OP_FAIL;
	op->expendable = false;
	op->child_done = done;
	op->child_name = mem_strdup(slash != NULL ? slash + 1 : spec->argv[0]);
	return OP_WAIT;
}

void op_child_expendable(struct op *op)
{
	op->expendable = true;
}

enum op_result op_child(struct op *op, struct argv *argv, op_child_cb done, struct error *err)
{
	struct proc_spec spec = { .argv = (const char *const *)argv->v };
	enum op_result r = op_child_spec(op, &spec, done, err);

	argv_clear(argv);
	return r;
}

static void followed_cb(struct op *other, void *data)
{
	struct op *op = data;
	op_follow_cb done = op->follow_done;
	struct error err = *op_error(other);
	enum op_result r = err.code == ERROR_NONE ? OP_DONE : OP_FAIL;

	op->followed = NULL;
	op->follow_done = NULL;
	if (done != NULL)
		r = done(op, other, &err);
	if (r != OP_WAIT)
		op_resume(op, r, &err);
}

enum op_result op_follow(struct op *op, struct op *other, op_follow_cb done, struct error *err)
{
	if (other == NULL)
		return OP_FAIL;
	if (op->followed != NULL)
		abort(); /* one at a time */
	op->followed = other;
	op->follow_done = done;
	if (op->origin != NULL && other->origin == NULL)
		op_set_origin(other, cJSON_Duplicate(op->origin, true));
	(void)op_on_end(other, followed_cb, op);
	return OP_WAIT;
}

struct thread_work {
	uv_work_t req;
	struct op *op;
	int (*fn)(void *arg, struct error *err);
	void *arg;
	op_thread_cb done;
	int rc;
	struct error err;
};

static void work_cb(uv_work_t *req)
{
	struct thread_work *w = req->data;

	w->rc = w->fn(w->arg, &w->err);
}

static void after_work_cb(uv_work_t *req, int status)
{
	struct thread_work *w = req->data;
	struct op *op = w->op;
	op_thread_cb done = w->done;
	struct error err = w->err;
	enum op_result r = status != 0 || w->rc < 0 ? OP_FAIL : OP_DONE;

	if (status != 0)
		error_set(&err, ERROR_CANCELLED, "operation cancelled");
	free(w);
	op->in_thread = false;
	if (done != NULL)
		r = done(op, r, &err);
	if (r != OP_WAIT)
		op_resume(op, r, &err);
}

enum op_result op_thread(struct op *op, int (*fn)(void *arg, struct error *err), void *arg, struct error *err)
{
	return op_thread_then(op, fn, arg, NULL, err);
}

enum op_result op_thread_then(struct op *op, int (*fn)(void *arg, struct error *err), void *arg, op_thread_cb done,
			      struct error *err)
{
	struct thread_work *w = mem_alloc(sizeof(*w));
	int rc;

	w->req.data = w;
	w->op = op;
	w->fn = fn;
	w->arg = arg;
	w->done = done;
	rc = uv_queue_work(op->q->loop, &w->req, work_cb, after_work_cb);
	if (rc == 0) {
		op->in_thread = true;
		return OP_WAIT;
	}
	free(w);
	error_sys(err, -rc, "cannot start a thread");
	return OP_FAIL;
}
