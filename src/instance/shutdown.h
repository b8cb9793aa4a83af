/* SPDX-License-Identifier: MIT */
/* What the host's going down means for instances; systemd asks for it by `berth host stop` (etc/berth-instances.service). */
#ifndef BERTH_INSTANCE_SHUTDOWN_H
#define BERTH_INSTANCE_SHUTDOWN_H

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * Operation: shuts all that run down, those of a higher boot.stop.priority before the others; who has not ended after
 * boot.host_shutdown_timeout seconds (30; 0: at once) is killed. volatile.last_state.power stays, so that they start with
 * the host again; boot.autostart ends. The error has a line for each that still runs.
 */
struct op *instance_shutdown_all(struct berthd *b, struct error *err);

#endif
