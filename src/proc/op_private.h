/* SPDX-License-Identifier: MIT */
/* The insides of operations, shared by the op*.c files only. */
#ifndef BERTH_PROC_OP_PRIVATE_H
#define BERTH_PROC_OP_PRIVATE_H

#include <sys/queue.h>
#include <time.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/strmap.h"
#include "proc/op.h"

enum op_phase {
	OP_PHASE_WAITING, /* for locks and a slot */
	OP_PHASE_FORWARD,
	OP_PHASE_UNDO,
	OP_PHASE_FINAL,
};

struct op_wait {
	TAILQ_ENTRY(op_wait) link;
	struct op *op;
	void (*cb)(struct op *op, void *data);
	void *data;
};
TAILQ_HEAD(op_wait_list, op_wait);

struct op {
	TAILQ_ENTRY(op) link;
	struct op_queue *q;
	const struct op_kind *kind;
	char id[UUID_TEXT_SIZE];
	char *description;
	cJSON *args;
	void *data;
	char **locks; /* NULL-terminated */
	cJSON *resources;
	cJSON *metadata;
	cJSON *origin;        /* op_set_origin(), or NULL */
	struct timespec created, updated;

	enum op_phase phase;
	size_t step;          /* the one that runs or is undone */
	bool committed;       /* past an OP_COMMIT step: only forward from here */
	bool told;            /* those who wait know that it has ended */
	bool journalled;      /* a file exists */
	bool keep_journal;    /* failed after commit: the next start tries again */
	bool recovering;
	bool cancel;          /* asked for */
	bool in_step;         /* run() or undo() is on the stack */
	bool waiting;         /* it returned OP_WAIT */
	bool resumed;         /* op_resume() came while in_step */
	enum op_result resume_result;
	struct error step_err;
	struct error err;     /* the first one: the operation's */

	bool in_thread;       /* op_thread(): cannot be ended, so it has no timeout */
	struct proc *child;
	op_child_cb child_done;
	char *child_name;
	bool expendable; /* the child */
	struct op *followed;  /* op_follow(): cannot be ended from here, so it has no timeout */
	op_follow_cb follow_done;
	uv_timer_t timer;     /* step timeout, then retention */
	uint64_t last_progress_ms;
	void *attached;
	void (*free_attached)(void *data);
	struct op_wait_list waits;
};
TAILQ_HEAD(op_list, op);

struct op_queue {
	uv_loop_t *loop;
	char *journal_dir;
	void *ctx;
	unsigned parallel;
	unsigned running, patient; /* slots taken, by kind->patient */
	const struct op_kind *kinds[64];
	size_t n_kinds;
	struct op_list ops;   /* in order of arrival */
	struct strmap *by_id;
	struct strmap *locks; /* held: name -> op */
	uv_idle_t tick;       /* active while there is something to schedule */
	op_change_cb change[4];
	void *change_data[4];
	size_t n_change;
	char *reserve; /* op_reserve.c: the file, or NULL */
	bool reserved; /* it is there */
	bool draining;
	char *refusal; /* op_queue_refuse(), or NULL */
	struct strmap *kept; /* op_retry.c: ids in the journal that are to be tried again */
	uv_timer_t retry_timer;
	unsigned retry_s; /* the next pause */
	uv_timer_t drain_timer;
	void (*drain_cb)(void *data);
	void *drain_data;
};

struct op *op_new(struct op_queue *q, const struct op_kind *kind, cJSON *args_taken);
void op_set_locks(struct op *op, const char *const *locks);
void op_insert(struct op *op);
void op_discard(struct op *op); /* one that was never inserted, and has no data */
void op_changed(struct op *op);
void op_tell(struct op *op); /* the end, to those who wait for it */
void op_finish(struct op *op);  /* final: frees locks and slot, tells the waiting */
void op_release(struct op *op); /* forgets it */
bool op_may_cancel(const struct op *op);
void op_cancel_now(struct op *op); /* whether it may be or not: it ends as soon as it can */
bool op_is_open_ended(const struct op *op); /* a websocket, or a token: it lasts as long as its client likes */
void op_advance(struct op *op); /* op_run.c: runs until a step waits or the end is reached */

/* op_queue.c */
void op_queue_kick(struct op_queue *q); /* somebody may be able to start */
void op_queue_leave(struct op *op); /* gives its slot and its locks back */
void op_queue_drained(struct op_queue *q); /* tells op_queue_drain() when nothing is left */

/* op_journal.c */
int op_journal_save(struct op *op, enum json_write how, struct error *err);
void op_journal_remove(struct op *op);

int op_journal_recover(struct op_queue *q, const char *id, struct error *err); /* that one entry */

/* op_retry.c */
void op_retry_init(struct op_queue *q);
void op_retry_note(struct op *op); /* at its end */
void op_retry_now(struct op_queue *q); /* but those whose last try can still be looked at */

/* op_reserve.c */
void op_reserve_make(struct op_queue *q);
bool op_reserve_use(struct op_queue *q, const struct error *why); /* true: try again */

/* op_fault.c: what BERTH_FAULT=KIND/STEP/ACTION asks for at this point; false: go on. */
enum op_fault_point { OP_FAULT_BEFORE, OP_FAULT_AFTER };
bool op_fault(const struct op *op, enum op_fault_point point, struct error *err);

#endif
