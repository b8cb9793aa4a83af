/* SPDX-License-Identifier: MIT */
/* A bridge that was deleted and made anew has no ports. */
#ifndef BERTH_HOST_REATTACH_H
#define BERTH_HOST_REATTACH_H

#include "berthd.h"

/* What runs, should be on this bridge and is on none is put there again; what could not be is logged. */
void instances_reattach(const struct berthd *b, const char *bridge);

#endif
