/* SPDX-License-Identifier: MIT */
/*
 * Once per minute of the wall clock, at its beginning: for schedules. A minute that was missed by a little (the loop
 * was busy) is told of late, each by itself; after a jump forward of more than that (the clock was set, the host
 * slept) only the current one is. While the clock is behind a minute told of already nothing is said, unless it was
 * set back by more than an hour: then it counts anew. A clock that is set is noticed within a minute.
 */
#ifndef BERTH_PROC_TICKER_H
#define BERTH_PROC_TICKER_H

#include <time.h>
#include <uv.h>

#define TICKER_CATCH_UP 5 /* minutes */

struct ticker;

/* minute: its first second. The ticker does not keep the loop alive. The minute that runs is not told of. */
typedef void (*ticker_cb)(time_t minute, void *data);
struct ticker *ticker_add(uv_loop_t *loop, ticker_cb cb, void *data);
/* No callback comes after it. NULL is fine; also from the callback. */
void ticker_remove(struct ticker *t);

/* How many minutes, ending with the one of now, are to be told of when last was the last: 0 to TICKER_CATCH_UP. */
int ticker_due(time_t last, time_t now);

#endif
