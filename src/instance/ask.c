/* SPDX-License-Identifier: MIT */
#include "instance/ask.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "lxc/active.h"
#include "model/settings.h"
#include "proc/proc.h"

enum { RETRY_FIRST_MS = 500, RETRY_LAST_MS = 30000, ONE_MS = 10000, ALL_MS = 60000, LIST_MAX = 4 << 20 };

/* What somebody waits for: ready comes with the last answer. */
struct batch {
	unsigned open;
	void (*ready)(void *data);
	void *data;
};

struct question {
	LIST_ENTRY(question) link;
	struct asker *a;
	struct proc *proc;
	char *name;          /* NULL: all */
	uint64_t asked;      /* the registry's clock */
	struct batch *batch; /* or NULL */
};
LIST_HEAD(question_list, question);

struct asker {
	struct berthd *b;
	struct registry *r;
	struct question_list questions;
	uv_timer_t *retry;
	unsigned retry_ms;
	uint64_t failed_at; /* the loop's ms */
};

static const char *lxcpath(const struct asker *a)
{
	return a->b->settings->system_path;
}

static void batch_leave(struct batch *b)
{
	if (b == NULL || --b->open > 0)
		return;
	if (b->ready != NULL)
		b->ready(b->data);
	free(b);
}

/* ---- asking again */

static void retry_cb(uv_timer_t *timer)
{
	ask_all(timer->data, NULL, NULL);
}

static void retry_later(struct asker *a)
{
	uint64_t now = uv_now(a->b->loop);

	if (uv_is_active((uv_handle_t *)a->retry))
		return;
	if (a->retry_ms == 0 || now - a->failed_at > 2 * RETRY_LAST_MS)
		a->retry_ms = RETRY_FIRST_MS;
	a->failed_at = now;
	uv_timer_start(a->retry, retry_cb, a->retry_ms, 0);
	a->retry_ms = a->retry_ms > RETRY_LAST_MS / 2 ? RETRY_LAST_MS : 2 * a->retry_ms;
}

/* ---- one child */

static struct question *question_new(struct asker *a, const char *name, struct batch *batch)
{
	struct question *q = mem_alloc(sizeof(*q));

	q->a = a;
	q->name = mem_strdup(name);
	q->asked = registry_clock(a->r);
	q->batch = batch;
	if (batch != NULL)
		batch->open++;
	LIST_INSERT_HEAD(&a->questions, q, link);
	return q;
}

static void question_free(struct question *q)
{
	LIST_REMOVE(q, link);
	batch_leave(q->batch);
	free(q->name);
	free(q);
}

static int question_run(struct question *q, const struct argv *argv, struct proc_spec *spec,
			struct error *err)
{
	spec->argv = (const char *const *)argv->v;
	spec->data = q;
	q->proc = proc_start(q->a->b->loop, spec, err);
	return q->proc != NULL ? 0 : -1;
}

/* ---- one instance */

/* No tool tells: what runs has a monitor process, and nothing else has. */
static void guess(struct asker *a, struct instance *inst)
{
	struct strmap *active = lxc_active_now(lxcpath(a));
	bool runs = lxc_active_may_be(active, lxcpath(a), inst->name);

	strmap_free(active);
	if (runs != instance_active(inst))
		registry_set_state(a->r, inst, runs ? LXC_RUNNING : LXC_STOPPED, 0);
}

static void one_failed(struct question *q, struct instance *inst, const struct error *err)
{
	log_warning("instance '%s': %s", q->name, err->msg);
	guess(q->a, inst);
	retry_later(q->a);
}

static void ask_one_for(struct asker *a, const char *name, struct batch *batch);

static void one_exit_cb(const struct proc_result *result, void *data)
{
	struct question *q = data;
	struct instance *inst = registry_get(q->a->r, q->name);
	struct lxc_status st = { .state = LXC_STOPPED };
	struct error err = ERROR_INIT;

	if (inst != NULL && inst->told > q->asked) {
		if (!inst->complete)
			ask_one_for(q->a, q->name, q->batch);
	} else if (inst != NULL && (proc_check("lxc-info", result, &err) < 0 ||
				  lxc_parse_info(result->out, &st, &err) < 0)) {
		one_failed(q, inst, &err);
	} else if (inst != NULL) {
		registry_set_state(q->a->r, inst, st.state, st.pid);
	}
	question_free(q);
}

static void ask_one_for(struct asker *a, const char *name, struct batch *batch)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .timeout_ms = ONE_MS, .on_exit = one_exit_cb };
	struct question *q = question_new(a, name, batch);
	struct instance *inst = registry_get(a->r, name);
	struct error err = ERROR_INIT;

	lxc_argv_info(&argv, lxcpath(a), name);
	if (question_run(q, &argv, &spec, &err) == 0)
		return;
	if (inst != NULL)
		one_failed(q, inst, &err);
	question_free(q);
}

void ask_one(struct asker *a, const char *name)
{
	ask_one_for(a, name, NULL);
}

/* ---- all */

static void listed(const struct lxc_status *st, void *data)
{
	struct strmap *seen = data;
	struct lxc_status *copy = mem_alloc(sizeof(*copy));

	*copy = *st;
	strmap_put(seen, st->name, copy);
}

static void set_from_list(struct question *q, struct instance *inst, const struct lxc_status *st,
			  const struct strmap *active)
{
	struct asker *a = q->a;

	if (inst->told > q->asked || (st == NULL && lxc_active_may_be(active, lxcpath(a), inst->name)))
		ask_one_for(a, inst->name, q->batch);
	else
		registry_set_state(a->r, inst, st != NULL ? st->state : LXC_STOPPED, st != NULL ? st->pid : 0);
}

static void take_list(struct question *q, const char *out)
{
	struct strmap *seen = strmap_new(free), *active = lxc_active_now(lxcpath(q->a));
	const char **names = registry_names(q->a->r);

	(void)lxc_parse_list(out, listed, seen);
	for (const char **n = names; *n != NULL; n++)
		set_from_list(q, registry_get(q->a->r, *n), strmap_get(seen, *n), active);
	free(names);
	strmap_free(active);
	strmap_free(seen);
}

static void all_failed(struct question *q, const struct error *err)
{
	log_error("cannot list active containers: %s", err->msg);
	take_list(q, "");
	retry_later(q->a);
}

static void all_exit_cb(const struct proc_result *result, void *data)
{
	struct question *q = data;
	struct error err = ERROR_INIT;

	if (proc_check("lxc-ls", result, &err) < 0)
		all_failed(q, &err);
	else
		take_list(q, result->out);
	question_free(q);
}

void ask_all(struct asker *a, void (*ready)(void *data), void *data)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .timeout_ms = ALL_MS, .output_max = LIST_MAX, .on_exit = all_exit_cb };
	struct batch *batch = mem_alloc(sizeof(*batch));
	struct question *q = question_new(a, NULL, batch);
	struct error err = ERROR_INIT;

	batch->ready = ready;
	batch->data = data;
	lxc_argv_list_active(&argv, lxcpath(a));
	if (question_run(q, &argv, &spec, &err) == 0)
		return;
	all_failed(q, &err);
	question_free(q);
}

/* ---- life */

struct asker *asker_new(struct registry *r, struct berthd *b)
{
	struct asker *a = mem_alloc(sizeof(*a));

	a->b = b;
	a->r = r;
	a->retry = mem_alloc(sizeof(*a->retry));
	uv_timer_init(b->loop, a->retry);
	uv_unref((uv_handle_t *)a->retry);
	a->retry->data = a;
	return a;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle);
}

void asker_free(struct asker *a)
{
	struct question *q, *next;

	if (a == NULL)
		return;
	for (q = LIST_FIRST(&a->questions); q != NULL; q = next) {
		next = LIST_NEXT(q, link);
		proc_abandon(q->proc);
		if (q->batch != NULL)
			q->batch->ready = NULL;
		question_free(q);
	}
	uv_close((uv_handle_t *)a->retry, closed_cb);
	free(a);
}
