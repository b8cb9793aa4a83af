/* SPDX-License-Identifier: MIT */
/* The queue of operations: which may run when, and how all of them come to an end. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proc/op_private.h"

#define PATIENT_PARALLEL 32

/* ---- slots and locks */

static bool slot_free(const struct op *op)
{
	const struct op_queue *q = op->q;

	if (op->kind->coordinator)
		return true;
	return op->kind->patient ? q->patient < PATIENT_PARALLEL : q->running < q->parallel;
}

static void count_slot(struct op *op, int n)
{
	unsigned *slots = op->kind->patient ? &op->q->patient : &op->q->running;

	if (!op->kind->coordinator)
		*slots += (unsigned)n;
}

void op_queue_leave(struct op *op)
{
	count_slot(op, -1);
	for (char **l = op->locks; *l != NULL; l++)
		strmap_remove(op->q->locks, *l);
}

static void tick_cb(uv_idle_t *handle)
{
	struct op_queue *q = handle->data;
	struct op *op, *next;
	struct strmap *wanted = strmap_new(NULL); /* by operations that came earlier */

	uv_idle_stop(handle);
	for (op = TAILQ_FIRST(&q->ops); op != NULL; op = next) {
		bool blocked = !slot_free(op);

		next = TAILQ_NEXT(op, link);
		if (op->phase != OP_PHASE_WAITING)
			continue;
		for (char **l = op->locks; *l != NULL; l++)
			if (strmap_get(q->locks, *l) != NULL || strmap_get(wanted, *l) != NULL)
				blocked = true;
		for (char **l = op->locks; *l != NULL; l++)
			strmap_put(blocked ? wanted : q->locks, *l, op);
		if (blocked)
			continue;
		count_slot(op, 1);
		op->phase = op->recovering && !op->committed ? OP_PHASE_UNDO : OP_PHASE_FORWARD;
		if (op->phase == OP_PHASE_UNDO) /* else the first step tells */
			op_changed(op);
		op_advance(op);
	}
	strmap_free(wanted);
}

void op_queue_kick(struct op_queue *q)
{
	uv_idle_start(&q->tick, tick_cb);
}

bool op_locked(const struct op_queue *q, const char *lock)
{
	struct op *op;

	TAILQ_FOREACH (op, &q->ops, link) {
		if (op->phase == OP_PHASE_FINAL)
			continue;
		for (char **l = op->locks; *l != NULL; l++)
			if (strcmp(*l, lock) == 0)
				return true;
	}
	return false;
}

struct op *op_holder(const struct op_queue *q, const char *lock)
{
	return strmap_get(q->locks, lock);
}

/* ---- life */

struct op_queue *op_queue_new(uv_loop_t *loop, const char *journal_dir, void *ctx, unsigned parallel)
{
	struct op_queue *q = mem_alloc(sizeof(*q));

	q->loop = loop;
	q->journal_dir = mem_strdup(journal_dir);
	q->ctx = ctx;
	q->parallel = parallel > 0 ? parallel : 1;
	q->by_id = strmap_new(NULL);
	q->locks = strmap_new(NULL);
	TAILQ_INIT(&q->ops);
	uv_idle_init(loop, &q->tick);
	q->tick.data = q;
	uv_timer_init(loop, &q->drain_timer);
	q->drain_timer.data = q;
	op_retry_init(q);
	return q;
}

static void queue_closed_cb(uv_handle_t *handle)
{
	struct op_queue *q = handle->data;

	strmap_free(q->by_id);
	strmap_free(q->locks);
	strmap_free(q->kept);
	free(q->journal_dir);
	free(q->reserve);
	free(q);
}

void op_queue_free(struct op_queue *q)
{
	struct op *op;

	if (q == NULL)
		return;
	while ((op = TAILQ_FIRST(&q->ops)) != NULL) {
		if (op->child != NULL)
			proc_abandon(op->child);
		op->child = NULL;
		op_release(op);
	}
	op_queue_refuse(q, NULL);
	uv_close((uv_handle_t *)&q->tick, NULL);
	uv_close((uv_handle_t *)&q->retry_timer, NULL);
	uv_close((uv_handle_t *)&q->drain_timer, queue_closed_cb);
}

void op_queue_register(struct op_queue *q, const struct op_kind *kind)
{
	if (q->n_kinds == sizeof(q->kinds) / sizeof(q->kinds[0]))
		abort();
	q->kinds[q->n_kinds++] = kind;
}

void op_queue_on_change(struct op_queue *q, op_change_cb cb, void *data)
{
	if (q->n_change == sizeof(q->change) / sizeof(q->change[0]))
		abort();
	q->change[q->n_change] = cb;
	q->change_data[q->n_change++] = data;
}

void op_queue_refuse(struct op_queue *q, const char *msg)
{
	char *copy = mem_strdup(msg);

	free(q->refusal);
	q->refusal = copy;
}

/* ---- its end */

void op_queue_drained(struct op_queue *q)
{
	struct op *op;

	if (!q->draining || q->drain_cb == NULL)
		return;
	TAILQ_FOREACH (op, &q->ops, link)
		if (op->phase != OP_PHASE_FINAL)
			return;
	void (*cb)(void *) = q->drain_cb;
	q->drain_cb = NULL;
	uv_timer_stop(&q->drain_timer);
	cb(q->drain_data);
}

static void drain_timer_cb(uv_timer_t *timer)
{
	struct op_queue *q = timer->data;
	struct op *op, *next;

	for (op = TAILQ_FIRST(&q->ops); op != NULL; op = next) {
		next = TAILQ_NEXT(op, link);
		if (op->phase != OP_PHASE_FINAL)
			op_cancel_now(op);
	}
}

void op_queue_drain(struct op_queue *q, unsigned grace_ms, void (*cb)(void *data), void *data)
{
	struct op *op, *next;

	q->draining = true;
	q->drain_cb = cb;
	q->drain_data = data;
	for (op = TAILQ_FIRST(&q->ops); op != NULL; op = next) {
		next = TAILQ_NEXT(op, link);
		if ((op->phase == OP_PHASE_WAITING && !op->recovering) || (op->phase != OP_PHASE_FINAL && op_is_open_ended(op)))
			op_cancel_now(op);
	}
	uv_timer_start(&q->drain_timer, drain_timer_cb, grace_ms, 0);
	op_queue_drained(q);
}

/* ---- look-up */

struct op *op_find(struct op_queue *q, const char *id)
{
	return strmap_get(q->by_id, id);
}

void op_foreach(struct op_queue *q, void (*cb)(struct op *op, void *data), void *data)
{
	struct op *op, *next;

	for (op = TAILQ_FIRST(&q->ops); op != NULL; op = next) {
		next = TAILQ_NEXT(op, link);
		cb(op, data);
	}
}
