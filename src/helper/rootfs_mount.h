/* SPDX-License-Identifier: MIT */
/*
 * The root file system of a stopped instance on the overlay driver: INSTANCE_DIR/rootfs is an overlay of
 * INSTANCE_DIR/upper (work: INSTANCE_DIR/work) on the image's tree, whose ids are shifted by an idmapped mount.
 *
 * That mount sits at INSTANCE_DIR/lower only until the overlay has its own copy, so a mounted instance costs one
 * entry of the host's mount table. What it was mounted from is written in the overlay's source field
 * ("berth:BASE:SIZE:DEVICE:INODE" of the image's tree, ":DIGEST" of raw ids), which a second mount compares.
 *
 * Files in upper/ have the ids of the range, also those that are raw ids in the running instance: it sees upper/ through
 * an idmapped mount then. Who looks at the instance from outside, with the range alone, sees the same owners.
 *
 * Both calls take a lock on INSTANCE_DIR, are idempotent and repair what a killed predecessor left.
 */
#ifndef BERTH_HELPER_ROOTFS_MOUNT_H
#define BERTH_HELPER_ROOTFS_MOUNT_H

#include <stdbool.h>

#include "base/error.h"
#include "helper/rootfs_idmap.h"

/* lower: absolute path of the image's tree. Already mounted from there with this map: success. */
int rootfs_mount(const char *instance_dir, const char *lower, const struct idmap *map, struct error *err);

/*
 * Waits a moment while the mount is busy, then detaches it lazily and says so on stderr. A missing folder or
 * nothing mounted is success.
 */
int rootfs_umount(const char *instance_dir, struct error *err);

/*
 * What the instance's overlay shows, read-only, as a detached mount; returns its fd. Not mounted now: it is laid out of
 * sight of all others, and nothing of it stays when the fd is closed. Changes the working folder.
 */
int rootfs_view(const char *instance_dir, const char *lower, const struct idmap *map, struct error *err);

/* What works on the file system of dir, really tried in a folder below it (removed again). */
struct rootfs_probe {
	bool idmapped;
	bool overlay; /* with an idmapped lower layer */
};
int rootfs_probe(const char *dir, struct rootfs_probe *ret, struct error *err);

#endif
