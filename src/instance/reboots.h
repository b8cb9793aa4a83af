/* SPDX-License-Identifier: MIT */
/*
 * A container that reboots itself is started anew by berthd: templates are rendered, hooks run, changed keys take effect.
 * The last of its post-stop hooks, `berth-rootfs reboot DIR`, sees that berthd holds a lock on DIR/.berthd, leaves a file
 * DIR/NAME and fails, whereupon LXC does not start it itself. Without berthd LXC does (instance/reboot.h). What is left
 * when berthd ends at the wrong moment is started when it comes back: the file is DIR/.start-NAME from just before
 * lxc-start until that has ended, and counts as long as LXC has not begun.
 */
#ifndef BERTH_INSTANCE_REBOOTS_H
#define BERTH_INSTANCE_REBOOTS_H

#include <stdbool.h>

#include "berthd.h"
#include "proc/op.h"

char *reboots_dir(const struct berthd *b); /* run_path/reboots; caller frees */
/* From now on, and those that wait. Only logs: without it LXC starts them. */
void reboots_start(struct berthd *b);
/* From now on LXC starts them; what is under way goes on. */
void reboots_stop(struct berthd *b);
/* Is it to be started again? Then what it was is not over. */
bool reboots_wait(const struct berthd *b, const char *name);
bool reboots_is(const struct op *op); /* does it start one that has rebooted? */
/* It was told to stop: that counts. */
void reboots_forget(const struct berthd *b, const char *name);

#endif
