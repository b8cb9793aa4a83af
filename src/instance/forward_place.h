/* SPDX-License-Identifier: MIT */
/* Where an instance can be reached, for its port forwards (host/forward.h). */
#ifndef BERTH_INSTANCE_FORWARD_PLACE_H
#define BERTH_INSTANCE_FORWARD_PLACE_H

#include "host/forward.h"

/*
 * Of each family: the static address of the first nic (by name) that has one; else, while it runs, the first
 * global address that its interfaces have.
 */
bool instance_place(struct berthd *b, const char *name, struct forward_place *ret);

#endif
