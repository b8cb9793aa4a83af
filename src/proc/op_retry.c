/* SPDX-License-Identifier: MIT */
/* Operations that failed past their point of no return, and are tried again by their journal: op_kind.retries. */
#include <stdlib.h>

#include "base/log.h"
#include "proc/op_private.h"

enum { FIRST_S = 60, MAX_S = 3600 };

static void again_cb(uv_timer_t *timer);

static void look_again(struct op_queue *q)
{
	uv_timer_start(&q->retry_timer, again_cb, (uint64_t)q->retry_s * 1000, 0);
	uv_unref((uv_handle_t *)&q->retry_timer);
}

static void again_cb(uv_timer_t *timer)
{
	struct op_queue *q = timer->data;

	op_retry_now(q);
	if (q->refusal != NULL && strmap_count(q->kept) > 0) /* not now */
		look_again(q);
}

void op_retry_init(struct op_queue *q)
{
	q->kept = strmap_new(NULL);
	q->retry_s = FIRST_S;
	uv_timer_init(q->loop, &q->retry_timer);
	q->retry_timer.data = q;
}

void op_retry_note(struct op *op)
{
	struct op_queue *q = op->q;

	if (op->keep_journal && op->committed && op->kind->retries && !q->draining) {
		strmap_put(q->kept, op->id, q);
		look_again(q);
		q->retry_s = q->retry_s < MAX_S / 2 ? q->retry_s * 2 : MAX_S;
		return;
	}
	strmap_remove(q->kept, op->id);
	if (strmap_count(q->kept) == 0)
		q->retry_s = FIRST_S;
}

void op_retry_now(struct op_queue *q)
{
	const char **ids = !q->draining && q->refusal == NULL && strmap_count(q->kept) > 0 ? strmap_keys(q->kept) : NULL;
	struct error err = ERROR_INIT;

	for (const char **id = ids; id != NULL && *id != NULL; id++) {
		if (op_find(q, *id) != NULL)
			continue;
		error_clear(&err);
		if (op_journal_recover(q, *id, &err) == 0)
			continue;
		log_error("operation %s is left to the next start: %s", *id, err.msg);
		strmap_remove(q->kept, *id);
	}
	free(ids);
}
