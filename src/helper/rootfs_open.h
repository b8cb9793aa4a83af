/* SPDX-License-Identifier: MIT */
/*
 * The root folder of an instance to work in, with the ids that its own root has: of a running one as it is mounted in
 * its namespaces, of a stopped one as it would be. From then on our rights end at files of these ids.
 */
#ifndef BERTH_HELPER_ROOTFS_OPEN_H
#define BERTH_HELPER_ROOTFS_OPEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "helper/rootfs_idmap.h"

struct rootfs_open {
	pid_t pid;         /* the container's init; 0: it is stopped, then the rest counts */
	const char *dir;   /* INSTANCE_DIR */
	const char *lower; /* the image's tree; NULL: no overlay, INSTANCE_DIR/rootfs is the tree */
	bool mapped;       /* the map was said */
	struct idmap map;  /* size 0: ids as they are */
	bool unshifted;    /* no overlay: on disk the ids are the container's, the map is applied when it is mounted */
};

/* The options that say so, for getopt_long(): PID, or INSTANCE_DIR, TREE, BASE:SIZE or none. Other letters are free. */
#define ROOTFS_OPEN_OPTIONS                                                                                                    \
	{ "pid", required_argument, NULL, 'P' }, { "dir", required_argument, NULL, 'D' },                                      \
	{ "lower", required_argument, NULL, 'L' }, { "idmap", required_argument, NULL, 'I' },                                  \
	{ "unshifted", no_argument, NULL, 'S' }
/* One of them and its optarg: 0, or 1 if it is none, or -1 with ERROR_INVALID. */
int rootfs_open_option(struct rootfs_open *o, int c, const char *value, struct error *err);
/* Either a PID or an INSTANCE_DIR with its map. */
bool rootfs_open_complete(const struct rootfs_open *o);

/*
 * An O_PATH descriptor. An overlay of a stopped instance is mounted in a mount namespace that goes with us.
 * *ret_pidfd: readable when the container ends; -1 for a stopped one. We get SIGTERM when the process that started us ends.
 */
int rootfs_open(const struct rootfs_open *o, int *ret_pidfd, struct error *err);

#endif
