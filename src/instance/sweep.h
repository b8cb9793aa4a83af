/* SPDX-License-Identifier: MIT */
/* What is left of a container whose monitor process was killed: nobody else removes it. */
#ifndef BERTH_INSTANCE_SWEEP_H
#define BERTH_INSTANCE_SWEEP_H

#include "berthd.h"

/* It was seen to have stopped. Looks at once, and a moment later, when LXC has cleaned up, or a reboot is over. */
void sweep_later(struct berthd *b, const char *name);

#endif
