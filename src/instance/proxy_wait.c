/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "instance/proxy_private.h"

enum { WAIT_MS = 5000 };

struct waiter {
	LIST_ENTRY(waiter) link;
	struct proxies *all;
	struct op *op;
	char *instance;
	bool must;
	uv_timer_t timer;
};

/* One that was told to end and still has its ports, files or rules. */
struct leaver {
	LIST_ENTRY(leaver) link;
	struct proxies *all; /* NULL: berthd ends */
	char *instance;
};

static void waiter_closed_cb(uv_handle_t *handle)
{
	struct waiter *w = handle->data;

	free(w->instance);
	free(w);
}

static void resume(struct waiter *w, enum op_result result, const struct error *err)
{
	LIST_REMOVE(w, link);
	op_resume(w->op, result, result == OP_FAIL ? err : NULL);
	uv_close((uv_handle_t *)&w->timer, waiter_closed_cb);
}

static void no_longer_fresh(struct proxies *all, const char *instance)
{
	size_t pos = 0;
	void *value;

	while (strmap_next(all->running, &pos, NULL, &value)) {
		struct proxy *p = value;

		if (strcmp(p->instance, instance) == 0)
			p->fresh = false;
	}
}

static void too_long_cb(uv_timer_t *timer)
{
	struct waiter *w = timer->data;

	log_warning("instance '%s': its proxy devices take long to start or to end", w->instance);
	no_longer_fresh(w->all, w->instance); /* what a later update waits for is its own */
	resume(w, OP_DONE, NULL);
}

bool proxy_is_leaving(const struct proxies *all, const char *instance)
{
	const struct leaver *l;

	LIST_FOREACH(l, &all->leavers, link)
		if (strcmp(l->instance, instance) == 0)
			return true;
	return false;
}

/* The first of the fresh ones that failed, or NULL; *ret_busy: some have yet to say, or to leave. */
static const struct proxy *look(const struct proxies *all, const char *instance, bool *ret_busy)
{
	const struct proxy *failed = NULL;
	size_t pos = 0;
	void *value;

	*ret_busy = proxy_is_leaving(all, instance);
	while (strmap_next(all->running, &pos, NULL, &value)) {
		const struct proxy *p = value;

		if (!p->fresh || strcmp(p->instance, instance) != 0)
			continue;
		if (p->state == PROXY_FAILED)
			failed = p;
		*ret_busy = *ret_busy || p->state == PROXY_STARTING;
	}
	return failed;
}

static enum op_result judge(struct proxies *all, struct op *op, const char *instance, bool must, struct error *err)
{
	bool busy;
	const struct proxy *failed = look(all, instance, &busy);

	if (failed)
		error_set(err, ERROR_TOOL, "Failed to start device \"%s\": Error occurred when starting proxy device: %s",
			  failed->device, failed->why);
	if (failed && must) {
		no_longer_fresh(all, instance);
		return OP_FAIL;
	}
	if (failed)
		op_metadata_set(op, "failed", cJSON_CreateString(err->msg));
	if (busy)
		return OP_WAIT;
	no_longer_fresh(all, instance);
	return OP_DONE;
}

void proxy_told(struct proxies *all, const char *instance)
{
	struct waiter *w, *next;

	for (w = LIST_FIRST(&all->waiters); w; w = next) {
		struct error err = ERROR_INIT;
		enum op_result result;

		next = LIST_NEXT(w, link);
		if (strcmp(w->instance, instance) != 0)
			continue;
		result = judge(all, w->op, instance, w->must, &err);
		if (result != OP_WAIT)
			resume(w, result, &err);
	}
}

enum op_result proxy_wait(struct op *op, struct berthd *b, const char *name, bool must, struct error *err)
{
	enum op_result result = b->proxies ? judge(b->proxies, op, name, must, err) : OP_DONE;
	struct waiter *w;

	if (result != OP_WAIT)
		return result;
	w = mem_alloc(sizeof(*w));
	w->all = b->proxies;
	w->op = op;
	w->instance = mem_strdup(name);
	w->must = must;
	w->timer.data = w;
	uv_timer_init(b->loop, &w->timer);
	uv_timer_start(&w->timer, too_long_cb, WAIT_MS, 0);
	LIST_INSERT_HEAD(&b->proxies->waiters, w, link);
	return OP_WAIT;
}

/* ---- those that are on their way out */

static void left_cb(void *data)
{
	struct leaver *l = data;

	if (l->all) {
		LIST_REMOVE(l, link);
		proxy_told(l->all, l->instance);
	}
	free(l->instance);
	free(l);
}

void proxy_leave(struct proxy *p)
{
	struct leaver *l;

	if (!p->child || !supervise_pid(p->child) || !p->all->b->proxies) {
		supervise_stop(p->child);
		return;
	}
	l = mem_alloc(sizeof(*l));
	l->all = p->all;
	l->instance = mem_strdup(p->instance);
	LIST_INSERT_HEAD(&p->all->leavers, l, link);
	(void)supervise_stop_then(p->child, left_cb, l);
}

void proxy_wait_no_more(struct proxies *all)
{
	struct leaver *l;

	while (!LIST_EMPTY(&all->waiters))
		resume(LIST_FIRST(&all->waiters), OP_DONE, NULL);
	while ((l = LIST_FIRST(&all->leavers))) {
		LIST_REMOVE(l, link);
		l->all = NULL;
	}
}
