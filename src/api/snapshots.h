/* SPDX-License-Identifier: MIT */
#ifndef BERTH_API_SNAPSHOTS_H
#define BERTH_API_SNAPSHOTS_H

#include "berthd.h"

/* Scheduled snapshots and the end of expired ones begin, with their lifecycle events. snapshot_due_stop() ends it. */
void snapshots_by_the_clock(struct berthd *b);

#endif
