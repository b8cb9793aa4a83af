/* SPDX-License-Identifier: MIT */
/*
 * Operations: multi-step work as a table of steps with undo, journalled so
 * that a daemon killed at any instant finishes or undoes it at its next start.
 *
 * A step returns OP_DONE, OP_WAIT (op_resume() will be called later, exactly
 * once) or OP_FAIL (err set).  When a step fails, times out or is cancelled,
 * every step that was entered is undone in reverse, the failing one included.
 * An undo is idempotent, removes only what this operation made, and may WAIT
 * too; its errors are logged, the first error is the operation's.
 *
 * Life: op_start() builds the kind's data from args by kind->load() (the same
 * call that recovery uses), waits for its locks and for a free slot, runs the
 * steps from the loop, keeps the finished operation readable for 5 s (LXD:
 * operations.go; 30 s when its class is websocket), then frees it.
 *
 * Journal: <journal_dir>/UUID.json {id, kind, step, args, …}, written before
 * each step whose undo is not NULL, and before the one marked OP_COMMIT;
 * removed at the end.  From OP_COMMIT on recovery runs the remaining steps
 * forward, so those must be idempotent; before it, recovery undoes.  What
 * fails from there on keeps its entry: see op_kind.retries.
 */
#ifndef BERTH_PROC_OP_H
#define BERTH_PROC_OP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <uv.h>

#include "base/argv.h"
#include "base/error.h"
#include "proc/proc.h"

struct op;
struct op_queue;

enum op_result { OP_DONE, OP_WAIT, OP_FAIL };

typedef enum op_result (*op_fn)(struct op *op, struct error *err);

enum {
	OP_COMMIT = 1,     /* finish forward from this step on */
	OP_UNRECORDED = 2, /* makes its own record (op_save) if need be: else a recovery begins at the step before it */
	OP_REPORTS = 4,    /* after the commit: its failure is the operation's, but the next start has nothing to finish: unless we drain */
	OP_LAZY = 8,       /* its record may be lost with the power (not with us): an earlier one, or none, does as well */
	OP_TOLD = 16,      /* past the commit: that all is well is told before this step, which holds the locks still */
	OP_ENDLESS = 32,   /* lasts as long as somebody wants it: no timeout */
};

struct op_step {
	const char *name; /* NULL ends the table */
	op_fn run;
	op_fn undo; /* NULL: nothing to undo */
	unsigned timeout_s; /* 0: 30 */
	unsigned flags;
};

struct op_kind {
	const char *name;        /* "launch": journal, fault injection */
	const char *description; /* "Creating instance": LXD's words */
	const struct op_step *steps;
	/* Builds the run-time data from args; ctx is the queue's. NULL with err on refusal. May be NULL. */
	void *(*load)(void *ctx, cJSON *args, struct error *err);
	void (*unload)(void *data);
	bool volatile_; /* not journalled: nothing on disk changes (power) */
	bool frees;     /* makes room: may use the reserve of the journal when the disk is full */
	/*
	 * What failed past its point of no return is finished as by the next start, but sooner: after a minute, then ever more
	 * seldom, and before each operation that frees. For kinds whose remaining steps touch nothing that has got a new meaning.
	 */
	bool retries;
	bool undo_later; /* a failed undo is tried again at the next start: it must see what became another's */
	bool may_cancel;
	bool coordinator; /* only waits (for operations it started, for clients): takes no slot */
	bool always;      /* may start while op_queue_refuse() holds */
	/*
	 * LXD's class: "websocket", "token"; NULL: "task". op_data() of a "websocket" begins with its struct sockets
	 * (api/sockets.h); berthd waits for neither when it ends.
	 */
	const char *class_name;
	/* Cancelled while a step waits that has no child: that step is to end soon, by op_resume(). May be NULL. */
	void (*cancel)(struct op *op);
	bool patient;     /* mostly waits for a container: has slots of its own, or a few that hang block all others */
};

/* States as LXD numbers them. */
enum op_status { OP_PENDING = 105, OP_RUNNING = 103, OP_CANCELLING = 104,
		 OP_SUCCESS = 200, OP_FAILURE = 400, OP_CANCELLED = 401 };

struct op_options {
	const char *const *locks; /* NULL-terminated "instance/c1", "image/FP"; copied; taken together */
	cJSON *resources;         /* taken; {"instances":["/1.0/instances/c1"]} or NULL */
	const char *description;  /* overrides the kind's */
};

/* Adds a URL to the list `kind` of resources: op_resource(r, "instances", "/1.0/instances/%s", name). */
void op_resource(cJSON *resources, const char *kind, const char *url, ...) __attribute__((format(printf, 3, 4)));

struct op_queue *op_queue_new(uv_loop_t *loop, const char *journal_dir, void *ctx, unsigned parallel);
void op_queue_free(struct op_queue *q);
/* Keeps a little room in this file for the journal of kinds that free some. */
void op_queue_reserve(struct op_queue *q, const char *path);
/* Every kind that can be found in the journal. */
void op_queue_register(struct op_queue *q, const struct op_kind *kind);
/* Called with each visible change: created, started, step, progress, end. */
typedef void (*op_change_cb)(struct op *op, void *data);
void op_queue_on_change(struct op_queue *q, op_change_cb cb, void *data);
/* Starts the undo/finish of everything in the journal as operations; returns how many, -1 on error. */
int op_queue_recover(struct op_queue *q, struct error *err);
/* SIGTERM: refuses new work, cancels waiting operations, lets running ones end within grace_ms, then undoes them; cb when idle. */
void op_queue_drain(struct op_queue *q, unsigned grace_ms, void (*cb)(void *data), void *data);

/* From now on op_start() refuses with this message (ERROR_UNAVAILABLE), but kinds marked always; NULL ends it. */
void op_queue_refuse(struct op_queue *q, const char *msg);

/* args is taken also on failure. Nothing ran yet when it returns. */
struct op *op_start(struct op_queue *q, const struct op_kind *kind, cJSON *args,
		    const struct op_options *options, struct error *err);
/* Is some operation holding or waiting for this lock? */
bool op_locked(const struct op_queue *q, const char *lock);
struct op *op_holder(const struct op_queue *q, const char *lock); /* the one that has it now, or NULL */

/* For steps. */
void *op_ctx(const struct op *op);
void *op_data(const struct op *op);
cJSON *op_args(struct op *op); /* journalled; change it, then op_save() */
int op_save(struct op *op, struct error *err); /* durable when it returns 0 */
int op_save_quick(struct op *op, struct error *err); /* as OP_LAZY */
bool op_recovering(const struct op *op);
const char *op_step_name(const struct op *op); /* of the step that runs or is undone: one function serves several rows */
uv_loop_t *op_loop(const struct op *op);
/* One thing that is kept with the operation and freed with it, in memory only; for who serves operations of any kind. */
void op_attach(struct op *op, void *data_taken, void (*free_data)(void *data));
void *op_attached(const struct op *op); /* or NULL */
/*
 * Who asked for it, an object that is the caller's matter: kept, journalled, and passed on to the operations that it
 * follows. Without one it is nobody but berthd.
 */
void op_set_origin(struct op *op, cJSON *origin_taken);
const cJSON *op_origin(const struct op *op); /* or NULL */
/* Ends a WAIT; err only with OP_FAIL. */
void op_resume(struct op *op, enum op_result result, const struct error *err);
/*
 * Runs a child as (part of) this step and returns OP_WAIT, or OP_FAIL when it cannot
 * start. Without done the step ends by proc_check(); with done, by what done
 * returns (OP_WAIT: done started something else). Killed on timeout and cancel.
 */
typedef enum op_result (*op_child_cb)(struct op *op, const struct proc_result *result, struct error *err);
enum op_result op_child(struct op *op, struct argv *argv_cleared, op_child_cb done, struct error *err);
/* The same with everything proc can do; spec->on_exit, data and timeout are the op's. */
enum op_result op_child_spec(struct op *op, const struct proc_spec *spec, op_child_cb done, struct error *err);
/* The child that was just started may be ended when the queue is drained, also past the point of no return. */
void op_child_expendable(struct op *op);
/*
 * Waits for another operation as (part of) this step, however long it takes; NULL: it could not be started, err says
 * why. Without done the step ends as that one did; with done, by what done returns (*err holds the other's error).
 * Only for kinds that are coordinators: they take no slot. A cancel is passed on.
 */
typedef enum op_result (*op_follow_cb)(struct op *op, struct op *other, struct error *err);
enum op_result op_follow(struct op *op, struct op *other, op_follow_cb done, struct error *err);
/*
 * Synchronous work off the loop (tree removal, copying): fn runs in a thread and must touch only arg. It cannot be
 * interrupted: the step's timeout does not end it.
 */
enum op_result op_thread(struct op *op, int (*fn)(void *arg, struct error *err), void *arg, struct error *err);
/* The step ends by what done returns (OP_WAIT: done started something else), which is told how fn ended; *err says why. */
typedef enum op_result (*op_thread_cb)(struct op *op, enum op_result result, struct error *err);
enum op_result op_thread_then(struct op *op, int (*fn)(void *arg, struct error *err), void *arg, op_thread_cb done,
			      struct error *err);
/* LXD's progress metadata: {"<stage>_progress": text, "progress": {stage, percent, speed}}; throttled. */
void op_progress(struct op *op, const char *stage, int percent, const char *text);
void op_metadata_set(struct op *op, const char *key, cJSON *value_taken);

/* For the API. */
const char *op_id(const struct op *op);
bool op_is(const struct op *op, const struct op_kind *kind);
const char *op_class(const struct op *op);
bool op_is_endless(const struct op *op); /* of a kind with an OP_ENDLESS step */
bool op_has_step(const struct op *op, const char *name);
bool op_final(const struct op *op);
bool op_undoing(const struct op *op);
enum op_status op_status(const struct op *op);
const struct error *op_error(const struct op *op); /* ERROR_NONE while running and on success */
struct op *op_find(struct op_queue *q, const char *id);
void op_foreach(struct op_queue *q, void (*cb)(struct op *op, void *data), void *data);
cJSON *op_json(struct op *op); /* LXD's operation object */
/* cb once, from the loop, when the operation is final (at once if it is already). Returns a handle. */
struct op_wait;
struct op_wait *op_on_end(struct op *op, void (*cb)(struct op *op, void *data), void *data);
void op_wait_cancel(struct op_wait *w); /* only before cb fired */
int op_cancel(struct op *op, struct error *err); /* ERROR_INVALID "Only running operations can be cancelled" */

#endif
