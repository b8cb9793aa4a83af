/* SPDX-License-Identifier: MIT */
/*
 * A container that reboots is started again by LXC itself, with the configuration of its start, unless its post-stop hook
 * fails. While berthd runs, it is the one to start it: it holds a lock on DIR/.berthd (fcntl(2), F_OFD_SETLK) and starts
 * whose name appears in DIR (instance/reboots.h).
 */
#ifndef BERTH_HELPER_ROOTFS_REBOOT_H
#define BERTH_HELPER_ROOTFS_REBOOT_H

#include <stdbool.h>

/*
 * As post-stop hook, of the environment's LXC_NAME and LXC_TARGET: true when it reboots and berthd has been told. False: it
 * does not, or LXC is to do it.
 */
bool rootfs_reboot(const char *dir);

#endif
