/* SPDX-License-Identifier: MIT */
/*
 * Containers that end by themselves, or that others start and stop (lxc-start, a shutdown from inside, a crash): their
 * post-start and post-stop hooks run too, as operations of their own. An operation that runs these hooks in a step
 * does so for what it starts and stops itself.
 */
#ifndef BERTH_HOOK_HOOK_WATCH_H
#define BERTH_HOOK_HOOK_WATCH_H

#include "berthd.h"

/* What runs now counts as told of: call it when all states are known. Once. */
void hook_watch_start(struct berthd *b);

#endif
