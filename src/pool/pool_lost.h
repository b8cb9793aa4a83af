/* SPDX-License-Identifier: MIT */
/*
 * Pools whose source is not there: looked for again every few seconds, mounted when they can be, and their instances
 * are read anew then. Log and warnings ("Storage pool unavailable") tell of both.
 */
#ifndef BERTH_POOL_POOL_LOST_H
#define BERTH_POOL_POOL_LOST_H

#include "berthd.h"

struct pool_watch *pool_watch_start(struct berthd *b); /* when registry and warnings are open */
void pool_watch_stop(struct pool_watch *w); /* NULL is fine */

#endif
