/* SPDX-License-Identifier: MIT */
/* What rootfs_copy does with one file. All return 0, or -1 and errno. */
#ifndef BERTH_HELPER_ROOTFS_COPY_FILE_H
#define BERTH_HELPER_ROOTFS_COPY_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "helper/rootfs_idmap.h"

/* Contents of size bytes with their holes, shared when the file system can. dst is empty and open for writing. */
int copy_data(int src, int dst, off_t size);

/* Extended attributes, owner, mode, times. EOVERFLOW: an id lies outside the map. */
int copy_attributes(int src, int dst, const struct stat *st, const struct idmap *map);
/* Extended attributes of the kinds that copy_attributes() sets. */
int copy_drop_xattrs(int fd);
/* Owner, mode and times of what cannot be opened. */
int copy_attributes_at(int dirfd, const char *name, const struct stat *st, const struct idmap *map);

/*
 * The value of a security.capability attribute (linux/capability.h) as version 3 for the container's root; out has
 * room for 24 bytes. Returns its length, or -1 with EINVAL or EOVERFLOW.
 */
ssize_t copy_shift_caps(const uint8_t *value, size_t len, const struct idmap *map, uint8_t *out);
/* Shifts the ids in a system.posix_acl_* attribute (linux/posix_acl_xattr.h) in place. */
int copy_shift_acl(uint8_t *value, size_t len, const struct idmap *map);

#endif
