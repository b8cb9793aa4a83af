/* SPDX-License-Identifier: MIT */
/*
 * A program that reads an instance's file system as the container sees it: its working folder is the root of what the
 * instance shows, read-only and without what is mounted below, and it runs in a user namespace with the instance's ids,
 * as root of it. It can change nothing of the host's: its rights end at files of these ids.
 */
#ifndef BERTH_HELPER_ROOTFS_ENTER_H
#define BERTH_HELPER_ROOTFS_ENTER_H

#include "base/error.h"
#include "helper/rootfs_idmap.h"

struct rootfs_enter {
	const char *instance_dir;
	const char *lower; /* the image's tree; NULL: no overlay, INSTANCE_DIR/rootfs is the tree */
	struct idmap map;  /* ids on disk; size 0: as they are, in our own namespace */
};

/*
 * Becomes argv (looked up in PATH before it gives up its rights): returns only on failure. What it needs ends with the
 * process; it dies with the process that started us.
 */
int rootfs_enter(const struct rootfs_enter *e, char **argv, struct error *err);

#endif
