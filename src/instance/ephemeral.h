/* SPDX-License-Identifier: MIT */
/* An ephemeral instance is gone when the operation that stops it has ended: its client goes on with the name. */
#ifndef BERTH_INSTANCE_EPHEMERAL_H
#define BERTH_INSTANCE_EPHEMERAL_H

#include "instance/instance.h"

/* Is this the end of it? */
bool ephemeral_ends(const struct instance *inst, const struct power_options *options);
/*
 * instance_power(), and then instance_delete(), as one operation. One that somebody started again meanwhile stays. What
 * ends in another way (from within, by LXC, while berthd was down) is deleted a moment later: api/lifecycle.c.
 */
struct op *ephemeral_stop(struct berthd *b, const char *name, const struct power_options *options, struct error *err);

#endif
