/* SPDX-License-Identifier: MIT */
#include "proc/op_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define RETENTION_MS 5000
#define WEBSOCKET_RETENTION_MS 30000 /* of a thousand clients at once the last may ask late */
#define PATIENT_PARALLEL 32

static void op_release(struct op *op);

static bool is_websocket(const struct op *op)
{
	return strcmp(op_class(op), "websocket") == 0;
}

/* ---- the queue */

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

static void kick(struct op_queue *q)
{
	uv_idle_start(&q->tick, tick_cb);
}

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

void op_changed(struct op *op)
{
	clock_gettime(CLOCK_REALTIME, &op->updated);
	for (size_t i = 0; i < op->q->n_change; i++)
		op->q->change[i](op, op->q->change_data[i]);
}

/* ---- one operation's life */

struct op *op_new(struct op_queue *q, const struct op_kind *kind, cJSON *args_taken)
{
	struct op *op = mem_alloc(sizeof(*op));

	op->q = q;
	op->kind = kind;
	op->args = args_taken != NULL ? args_taken : cJSON_CreateObject();
	op->description = mem_strdup(kind->description);
	op->locks = mem_alloc(sizeof(char *));
	ident_uuid(op->id);
	clock_gettime(CLOCK_REALTIME, &op->created);
	op->updated = op->created;
	TAILQ_INIT(&op->waits);
	uv_timer_init(q->loop, &op->timer);
	op->timer.data = op;
	return op;
}

void op_set_locks(struct op *op, const char *const *locks)
{
	size_t n = 0;

	while (locks != NULL && locks[n] != NULL)
		n++;
	op->locks = mem_realloc(op->locks, n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++)
		op->locks[i] = mem_strdup(locks[i]);
	op->locks[n] = NULL;
}

void op_insert(struct op *op)
{
	TAILQ_INSERT_TAIL(&op->q->ops, op, link);
	strmap_put(op->q->by_id, op->id, op);
	kick(op->q);
}

static void op_closed_cb(uv_handle_t *handle)
{
	struct op *op = handle->data;

	for (char **l = op->locks; *l != NULL; l++)
		free(*l);
	free(op->locks);
	free(op->description);
	free(op->child_name);
	cJSON_Delete(op->args);
	cJSON_Delete(op->resources);
	cJSON_Delete(op->metadata);
	cJSON_Delete(op->origin);
	free(op);
}

static void op_release(struct op *op)
{
	struct op_wait *w;

	TAILQ_REMOVE(&op->q->ops, op, link);
	strmap_remove(op->q->by_id, op->id);
	while ((w = TAILQ_FIRST(&op->waits)) != NULL) {
		TAILQ_REMOVE(&op->waits, w, link);
		free(w);
	}
	if (op->kind->unload != NULL)
		op->kind->unload(op->data);
	op->data = NULL;
	op_attach(op, NULL, NULL);
	uv_close((uv_handle_t *)&op->timer, op_closed_cb);
}

static void retention_cb(uv_timer_t *timer)
{
	op_release(timer->data);
}

static void drained(struct op_queue *q)
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

void op_tell(struct op *op)
{
	struct op_wait *w;

	if (op->told)
		return;
	op->told = true;
	op_changed(op);
	while ((w = TAILQ_FIRST(&op->waits)) != NULL) {
		TAILQ_REMOVE(&op->waits, w, link);
		w->cb(op, w->data);
		free(w);
	}
}

void op_finish(struct op *op)
{
	struct op_queue *q = op->q;

	if (op->phase == OP_PHASE_FORWARD || op->phase == OP_PHASE_UNDO) {
		count_slot(op, -1);
		for (char **l = op->locks; *l != NULL; l++)
			strmap_remove(q->locks, *l);
	}
	op->phase = OP_PHASE_FINAL;
	if (!op->keep_journal)
		op_journal_remove(op);
	op_retry_note(op);
	op_reserve_make(q);
	uv_timer_start(&op->timer, retention_cb, is_websocket(op) ? WEBSOCKET_RETENTION_MS : RETENTION_MS, 0);
	uv_unref((uv_handle_t *)&op->timer);
	op_tell(op);
	kick(q);
	drained(q);
}

/* ---- starting, cancelling, waiting */

void op_queue_refuse(struct op_queue *q, const char *msg)
{
	char *copy = mem_strdup(msg);

	free(q->refusal);
	q->refusal = copy;
}

struct op *op_start(struct op_queue *q, const struct op_kind *kind, cJSON *args,
		    const struct op_options *options, struct error *err)
{
	struct op *op;

	if (q->draining || (q->refusal != NULL && !kind->always)) {
		cJSON_Delete(args);
		if (options != NULL)
			cJSON_Delete(options->resources);
		error_set(err, ERROR_UNAVAILABLE, "%s", q->draining ? "berthd is shutting down" : q->refusal);
		return NULL;
	}
	op = op_new(q, kind, args);
	if (options != NULL) {
		op_set_locks(op, options->locks);
		op->resources = options->resources;
		if (options->description != NULL) {
			free(op->description);
			op->description = mem_strdup(options->description);
		}
	}
	if (kind->load != NULL) {
		op->data = kind->load(q->ctx, op->args, err);
		if (op->data == NULL) {
			uv_close((uv_handle_t *)&op->timer, op_closed_cb);
			return NULL;
		}
	}
	if (kind->frees)
		op_retry_now(q);
	op_insert(op);
	op_changed(op);
	return op;
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

void op_set_origin(struct op *op, cJSON *origin_taken)
{
	cJSON_Delete(op->origin);
	op->origin = origin_taken;
}

const cJSON *op_origin(const struct op *op)
{
	return op->origin;
}

static void cancel_now(struct op *op)
{
	struct error err = ERROR_INIT;

	op->cancel = true;
	error_set(&err, ERROR_CANCELLED, "operation cancelled");
	if (op->phase == OP_PHASE_WAITING) {
		op->err = err;
		op_finish(op);
		return;
	}
	if (op->phase != OP_PHASE_FORWARD || (op->committed && !(op->child != NULL && op->expendable)))
		return;
	op_changed(op);
	if (op->child != NULL)
		proc_terminate(op->child);
	else if (op->waiting && op->kind->cancel != NULL)
		op->kind->cancel(op);
	if (op->followed != NULL)
		(void)op_cancel(op->followed, &err); /* or it is waited for */
}

/* A websocket, or a token: it lasts as long as its client likes. */
static bool is_open_ended(const struct op *op)
{
	return strcmp(op_class(op), "task") != 0;
}

bool op_may_cancel(const struct op *op)
{
	if (op->phase == OP_PHASE_WAITING)
		return !is_open_ended(op); /* its client ends it, by leaving */
	return op->phase == OP_PHASE_FORWARD && !op->told && op->kind->may_cancel && !op->committed;
}

int op_cancel(struct op *op, struct error *err)
{
	if (op_final(op) || op->phase == OP_PHASE_UNDO)
		return error_set(err, ERROR_INVALID, "Only running operations can be cancelled");
	if (!op_may_cancel(op))
		return error_set(err, ERROR_INVALID, "This operation can't be cancelled");
	cancel_now(op);
	return 0;
}

static void drain_timer_cb(uv_timer_t *timer)
{
	struct op_queue *q = timer->data;
	struct op *op, *next;

	for (op = TAILQ_FIRST(&q->ops); op != NULL; op = next) {
		next = TAILQ_NEXT(op, link);
		if (op->phase != OP_PHASE_FINAL)
			cancel_now(op);
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
		if ((op->phase == OP_PHASE_WAITING && !op->recovering) || (op->phase != OP_PHASE_FINAL && is_open_ended(op)))
			cancel_now(op);
	}
	uv_timer_start(&q->drain_timer, drain_timer_cb, grace_ms, 0);
	drained(q);
}

struct op_wait *op_on_end(struct op *op, void (*cb)(struct op *op, void *data), void *data)
{
	struct op_wait *w;

	if (op_final(op)) {
		cb(op, data);
		return NULL;
	}
	w = mem_alloc(sizeof(*w));
	w->op = op;
	w->cb = cb;
	w->data = data;
	TAILQ_INSERT_TAIL(&op->waits, w, link);
	return w;
}

void op_wait_cancel(struct op_wait *w)
{
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->op->waits, w, link);
	free(w);
}

/* ---- accessors */

void *op_ctx(const struct op *op)
{
	return op->q->ctx;
}

void *op_data(const struct op *op)
{
	return op->data;
}

cJSON *op_args(struct op *op)
{
	return op->args;
}

const char *op_step_name(const struct op *op)
{
	const char *name = op->kind->steps[op->step].name;

	return name != NULL ? name : "";
}

bool op_recovering(const struct op *op)
{
	return op->recovering;
}

void op_attach(struct op *op, void *data, void (*free_data)(void *data))
{
	if (op->free_attached != NULL)
		op->free_attached(op->attached);
	op->attached = data;
	op->free_attached = free_data;
}

void *op_attached(const struct op *op)
{
	return op->attached;
}

uv_loop_t *op_loop(const struct op *op)
{
	return op->q->loop;
}

const char *op_id(const struct op *op)
{
	return op->id;
}

bool op_is(const struct op *op, const struct op_kind *kind)
{
	return op->kind == kind;
}

const char *op_class(const struct op *op)
{
	return op->kind->class_name != NULL ? op->kind->class_name : "task";
}

bool op_has_step(const struct op *op, const char *name)
{
	for (const struct op_step *s = op->kind->steps; s->name != NULL; s++)
		if (strcmp(s->name, name) == 0)
			return true;
	return false;
}

bool op_final(const struct op *op)
{
	return op->phase == OP_PHASE_FINAL || op->told;
}

bool op_undoing(const struct op *op)
{
	return op->phase == OP_PHASE_UNDO;
}

const struct error *op_error(const struct op *op)
{
	return &op->err;
}

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
