/* SPDX-License-Identifier: MIT */
/*
 * One path out of a backup: the newest version of it that the backup holds. The archive is read to its end (a later entry
 * may replace an earlier one, or remove it), the path unpacked into a folder of its own in backup_path, which is gone when
 * cb is called. Symbolic links are never followed, neither at the end of the path nor on the way.
 */
#ifndef BERTH_BACKUP_EXTRACT_H
#define BERTH_BACKUP_EXTRACT_H

#include <sys/types.h>

#include "base/error.h"
#include "berthd.h"

struct extracted {
	const char *type; /* "file"; "directory": fd is a tar stream, members "./NAME/…"; "symlink": fd holds its text */
	int fd;           /* taken by cb, at its beginning */
	mode_t mode;      /* 07777 */
	uid_t uid;        /* as the container sees them */
	gid_t gid;
};

/* From the loop, once; x is NULL on failure (ERROR_NOT_FOUND: the backup has no such path). */
typedef void (*extract_cb)(const struct extracted *x, const struct error *err, void *data);

struct extract;

/* path: from the container's root, with or without a leading '/'. NULL and err: refused at once, cb will not be called. */
struct extract *extract_start(struct berthd *b, const char *file, const char *path, extract_cb cb, void *data,
			      struct error *err);
void extract_cancel(struct extract *e); /* before cb was called, which it will not be */
/* Removes what a killed daemon left. */
void extract_clean(struct berthd *b);

#endif
