/* SPDX-License-Identifier: MIT */
/* In what order, and how many at once, commands are started. */
#include "api/exec_session.h"

#define STARTING_MAX 32
#define START_MS 100 /* a command that says nothing has begun by then */

TAILQ_HEAD(exec_list, exec);

/* The loop has one thread, and the machine's processors are one daemon's. */
static struct exec_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned starting;

static void leave_cb(uv_timer_t *timer)
{
	exec_starts_leave(timer->data);
}

static void begin(struct exec *x)
{
	starting++;
	x->starting = true;
	uv_update_time(x->b->loop); /* many may have been started in this turn */
	uv_timer_start(&x->start_timer, leave_cb, START_MS, 0);
	exec_begin(x);
}

/* One that cannot be started leaves at once, while we are here. */
static void begin_next(void)
{
	static bool busy;
	struct exec *x;

	if (busy)
		return;
	busy = true;
	while (starting < STARTING_MAX && (x = TAILQ_FIRST(&waiting))) {
		TAILQ_REMOVE(&waiting, x, link);
		x->waiting = false;
		begin(x);
	}
	busy = false;
}

void exec_starts_enter(struct exec *x)
{
	x->waiting = true;
	TAILQ_INSERT_TAIL(&waiting, x, link);
	begin_next();
}

void exec_starts_leave(struct exec *x)
{
	if (x->waiting)
		TAILQ_REMOVE(&waiting, x, link);
	x->waiting = false;
	if (!x->starting)
		return;
	x->starting = false;
	starting--;
	uv_timer_stop(&x->start_timer);
	begin_next();
}
