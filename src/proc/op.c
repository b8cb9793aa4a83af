/* SPDX-License-Identifier: MIT */
#include "proc/op_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define RETENTION_MS 5000
#define WEBSOCKET_RETENTION_MS 30000 /* of a thousand clients at once the last may ask late */

static bool is_websocket(const struct op *op)
{
	return strcmp(op_class(op), "websocket") == 0;
}

/* ---- one operation's life */

void op_changed(struct op *op)
{
	clock_gettime(CLOCK_REALTIME, &op->updated);
	for (size_t i = 0; i < op->q->n_change; i++)
		op->q->change[i](op, op->q->change_data[i]);
}

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
	op_queue_kick(op->q);
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

void op_discard(struct op *op)
{
	uv_close((uv_handle_t *)&op->timer, op_closed_cb);
}

void op_release(struct op *op)
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

	if (op->phase == OP_PHASE_FORWARD || op->phase == OP_PHASE_UNDO)
		op_queue_leave(op);
	op->phase = OP_PHASE_FINAL;
	if (!op->keep_journal)
		op_journal_remove(op);
	op_retry_note(op);
	op_reserve_make(q);
	uv_timer_start(&op->timer, retention_cb, is_websocket(op) ? WEBSOCKET_RETENTION_MS : RETENTION_MS, 0);
	uv_unref((uv_handle_t *)&op->timer);
	op_tell(op);
	op_queue_kick(q);
	op_queue_drained(q);
}

/* ---- starting, cancelling, waiting */

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
			op_discard(op);
			return NULL;
		}
	}
	if (kind->frees)
		op_retry_now(q);
	op_insert(op);
	op_changed(op);
	return op;
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

void op_cancel_now(struct op *op)
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

bool op_is_open_ended(const struct op *op)
{
	return strcmp(op_class(op), "task") != 0;
}

bool op_may_cancel(const struct op *op)
{
	if (op->phase == OP_PHASE_WAITING)
		return !op_is_open_ended(op); /* its client ends it, by leaving */
	return op->phase == OP_PHASE_FORWARD && !op->told && op->kind->may_cancel && !op->committed;
}

int op_cancel(struct op *op, struct error *err)
{
	if (op_final(op) || op->phase == OP_PHASE_UNDO)
		return error_set(err, ERROR_INVALID, "Only running operations can be cancelled");
	if (!op_may_cancel(op))
		return error_set(err, ERROR_INVALID, "This operation can't be cancelled");
	op_cancel_now(op);
	return 0;
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

bool op_is_endless(const struct op *op)
{
	for (const struct op_step *s = op->kind->steps; s->name != NULL; s++)
		if (s->flags & OP_ENDLESS)
			return true;
	return false;
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

