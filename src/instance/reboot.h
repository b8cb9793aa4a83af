/* SPDX-License-Identifier: MIT */
/*
 * A container that reboots itself gets the configuration that LXC read when it was started: LXC's monitor process lives
 * on and keeps that. What was changed live since is made true again.
 */
#ifndef BERTH_INSTANCE_REBOOT_H
#define BERTH_INSTANCE_REBOOT_H

#include "instance/registry.h"

#define STARTED_FILE "started.json" /* which run it is, and what LXC read for it */

/* Its init is another process than before, or it is seen for the first time: a start is noted, a reboot mended. */
void reboot_look(struct berthd *b, struct instance *inst);
/* It has started, and nobody started it: is that below the monitor process of its last run? */
bool reboot_is(const struct berthd *b, const struct instance *inst);

#endif
