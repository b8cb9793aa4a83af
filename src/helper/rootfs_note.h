/* SPDX-License-Identifier: MIT */
/*
 * What a first pass over a tree that changes has copied, for a second one over the same tree at rest: by path, inode and
 * ctime, which nobody but the kernel sets. In a file of ours between two runs of berth-rootfs.
 */
#ifndef BERTH_HELPER_ROOTFS_NOTE_H
#define BERTH_HELPER_ROOTFS_NOTE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

struct rootfs_note;

struct rootfs_note *rootfs_note_create(const char *path, struct error *err); /* a new file; call it before the pass */
/* name below the top: copied as it was when st was taken, which is before its contents were read. */
void rootfs_note_add(struct rootfs_note *n, const char *name, const struct stat *st);
int rootfs_note_finish(struct rootfs_note *n, struct error *err); /* all of it is in the file; then only free it */

struct rootfs_note *rootfs_note_load(const char *path, struct error *err);
/* Was it copied, and is it what it was then? What changed since the first pass began never is. */
bool rootfs_note_same(const struct rootfs_note *n, const char *name, const struct stat *st);

void rootfs_note_free(struct rootfs_note *n); /* or NULL */

#endif
