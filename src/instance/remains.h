/* SPDX-License-Identifier: MIT */
/*
 * What is left of a container that others destroyed while berth wrote into its folder: lxc-destroy does not remove a
 * folder that got a new file meanwhile, and tries no second time.
 */
#ifndef BERTH_INSTANCE_REMAINS_H
#define BERTH_INSTANCE_REMAINS_H

#include <stdbool.h>

#include "berthd.h"

/* Removes the folder of that name when it is there and nothing is in it but berth's own notes; true when it did. */
bool remains_remove(const struct berthd *b, const char *name);

#endif
