/* SPDX-License-Identifier: MIT */
#include "proc/ticker.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

enum { MINUTE = 60, BACK_MAX = 3600 };

struct ticker {
	uv_timer_t timer;
	ticker_cb cb;
	void *data;
	time_t last; /* minute told of */
	bool removed;
};

int ticker_due(time_t last, time_t now)
{
	time_t minute = now - now % MINUTE;

	if (minute <= last)
		return last - minute > BACK_MAX ? 1 : 0;
	if (minute - last > TICKER_CATCH_UP * MINUTE)
		return 1;
	return (int)((minute - last) / MINUTE);
}

static void fire_cb(uv_timer_t *timer);

/* time(2) lags behind by up to a tick: by that clock a timer that is on time comes too early. */
static struct timespec wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

/* To the next full minute: a timer that runs ahead of the wall clock comes twice. */
static void arm(struct ticker *t, struct timespec now)
{
	uv_update_time(t->timer.loop);
	uv_timer_start(&t->timer, fire_cb,
		       (uint64_t)(MINUTE - now.tv_sec % MINUTE) * 1000 - (uint64_t)now.tv_nsec / 1000000, 0);
}

static void fire_cb(uv_timer_t *timer)
{
	struct ticker *t = timer->data;
	struct timespec now = wall_clock();
	time_t minute = now.tv_sec - now.tv_sec % MINUTE;

	for (int due = ticker_due(t->last, now.tv_sec); due > 0 && !t->removed; due--) {
		t->last = minute - (time_t)(due - 1) * MINUTE;
		t->cb(t->last, t->data);
	}
	if (!t->removed)
		arm(t, now); /* what it was told by: a minute that began since then must not be slept over */
}

struct ticker *ticker_add(uv_loop_t *loop, ticker_cb cb, void *data)
{
	struct ticker *t = mem_alloc(sizeof(*t));
	struct timespec now = wall_clock();

	t->cb = cb;
	t->data = data;
	t->last = now.tv_sec - now.tv_sec % MINUTE;
	t->timer.data = t;
	uv_timer_init(loop, &t->timer);
	uv_unref((uv_handle_t *)&t->timer);
	arm(t, now);
	return t;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

void ticker_remove(struct ticker *t)
{
	if (t == NULL || t->removed)
		return;
	t->removed = true;
	uv_close((uv_handle_t *)&t->timer, closed_cb);
}
