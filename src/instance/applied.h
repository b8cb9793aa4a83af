/* SPDX-License-Identifier: MIT */
/*
 * What a running container was given of its configuration: system_path/NAME/live.json, written before the kernel is
 * changed and after. Between the two it holds several states: of each key and device, the container has that of one of
 * them. It counts for one run only (boot, pid and start time of init), so it need not be durable.
 */
#ifndef BERTH_INSTANCE_APPLIED_H
#define BERTH_INSTANCE_APPLIED_H

#include "instance/instance.h"

#define APPLIED_FILE "live.json"

/* [{"config","devices"}, …], expanded, oldest first, never empty; NULL when nothing is known of this run. */
cJSON *applied_read(const struct berthd *b, const struct instance *inst);
int applied_write(const struct berthd *b, const struct instance *inst, const cJSON *states, struct error *err);

/* One state, of copies; and the one that the instance should have. */
cJSON *applied_state(const cJSON *config, const cJSON *devices);
cJSON *applied_wanted(const struct berthd *b, const struct instance *inst);
/* Of two states: no difference but in berth's own notes (volatile.*)? */
bool applied_same(const cJSON *a, const cJSON *b);

#endif
