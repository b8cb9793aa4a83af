/* SPDX-License-Identifier: MIT */
/*
 * Live mounts in a running container. Its file system is hostile: the target is reached without following a single
 * symbolic link, with the rights of the container's own root, and never outside its root folder.
 */
#ifndef BERTH_HELPER_ROOTFS_ATTACH_H
#define BERTH_HELPER_ROOTFS_ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "helper/rootfs_idmap.h"

enum rootfs_create { ROOTFS_CREATE_NONE, ROOTFS_CREATE_DIR, ROOTFS_CREATE_FILE };

struct rootfs_attach {
	pid_t pid;          /* the container's init */
	const char *source; /* the host's path: folder, file or device node, without submounts; or a block device: what is on it */
	const char *options; /* of mount(8), with commas; NULL: none. Those of file systems only for a block device */
	const char *target; /* in the container */
	bool readonly;      /* and the container's root cannot make it writable */
	struct idmap map;   /* size 0: owners as they are on disk */
	bool or_plain;      /* likewise where the file system cannot map them (device nodes, network file systems) */
	enum rootfs_create create; /* a missing target, and the folders to it */
};

/* The source is mounted there already: success. Leaves the caller in the container's namespaces: call it last. */
int rootfs_attach(const struct rootfs_attach *a, struct error *err);

/*
 * Nothing is mounted there: success. In use: detached lazily, with a line on stderr. The empty file that was made to
 * mount on goes too. Same note on namespaces.
 */
int rootfs_detach(pid_t pid, const char *target, struct error *err);

#endif
