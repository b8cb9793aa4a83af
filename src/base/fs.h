/* SPDX-License-Identifier: MIT */
/*
 * Files of the host.  Paths given here are ours (settings, state, instance
 * folders).  What lies below a rootfs is hostile: reach it only through
 * fs_open_in_root().
 */
#ifndef BERTH_BASE_FS_H
#define BERTH_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

char *fs_join(const char *dir, const char *name); /* "dir/name"; caller frees */

/* Appends the whole file; ERROR_TOO_LARGE past max bytes, ERROR_NOT_FOUND when missing. */
int fs_read_file(const char *path, size_t max, struct strbuf *out, struct error *err);

/*
 * tmp beside it, write, fsync, rename, fsync of the folder.  On failure the old
 * file is untouched and no tmp stays.  The tmp is ".NAME.tmp": what a crash
 * leaves is overwritten by the next write, and scans of the folder skip it.
 */
int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct error *err);

/* The same without the fsyncs: whole for readers and whatever happens to us; a power cut may give the old file back. */
int fs_write_quick(const char *path, const void *data, size_t len, mode_t mode, struct error *err);

int fs_mkdirs(const char *path, mode_t mode, struct error *err); /* mkdir -p; mode for those it makes */
int fs_sync_dir(const char *path, struct error *err);
int fs_sync_file(const char *path, struct error *err); /* what fs_write_quick(), or a child, wrote */
bool fs_exists(const char *path); /* lstat */
/* The first file of this name in PATH that we may run; NULL when there is none. Caller frees. */
char *fs_find_program(const char *name);
bool fs_in_path(const char *name); /* is there one? */

/*
 * rm -r with openat and O_NOFOLLOW: never follows a link, never crosses a mount
 * point (a mount below is an error naming it, and nothing under it is removed).
 * A missing path is success.
 */
int fs_remove_tree(const char *path, struct error *err);

/* openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS); returns fd or -1. flags get O_CLOEXEC. */
int fs_open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct error *err);

/* A file in memory, close-on-exec, at its beginning: who does not read it raises no SIGPIPE and blocks nobody. -1 with errno. */
int fs_memory_file(const void *data, size_t len);
int fs_write_all(int fd, const void *data, size_t len); /* -1 with errno; an interrupted write goes on */

/* Is so little free that nothing large is to be stored there? */
struct statvfs;
bool fs_is_full(const struct statvfs *st);

/* Disk usage of a tree in bytes (st_blocks), hard links once, one file system; ERROR_TIMEOUT after max_ms (0: never). */
int fs_tree_usage(const char *path, unsigned max_ms, unsigned long long *ret, struct error *err);
/* Is there a folder in it whose path below the top has more than so many bytes? */
bool fs_tree_is_deep(const char *path, size_t bytes);

#endif
