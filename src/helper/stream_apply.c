/* SPDX-License-Identifier: MIT */
#include "helper/stream_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "helper/rootfs_sys.h"
#include "helper/stream_xattr.h"
#include "image/tar_reader.h"

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

enum { NAME_LEN_MAX = 255, PERMISSIONS = 07777 };

struct applying {
	struct stream_target *t;
	struct stream_command c;
	uint64_t bytes, entries;
	uint8_t uuid[STREAM_UUID];
	int fd;      /* of the file that is being written, */
	char *open;  /* whose path this is; or NULL */
};

static int refuse(const struct applying *a, const char *rule, struct error *err)
{
	char buf[128];

	return error_set(err, ERROR_INVALID, "'%s' of the stream: %s", tar_printable(a->c.path, buf), rule);
}

static int failed(const struct applying *a, struct error *err)
{
	int sys = errno;
	char buf[128];

	return error_sys(err, sys, "cannot make '%s' of the stream", tar_printable(a->c.path, buf));
}

/* ---- paths: "a/b/c"; "" is the tree itself */

static bool is_plain(const char *path)
{
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 0 || n > NAME_LEN_MAX || strncmp(path, ".", n) == 0 || (n == 2 && strncmp(path, "..", 2) == 0))
			return false;
		path += n;
		if (*path == '/' && *++path == '\0')
			return false;
	}
	return true;
}

/* Opens the folder that holds it; *ret_name points into path, or is ".". */
static int open_parent(const struct applying *a, int tree, const char *path, const char **ret_name, struct error *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = slash != NULL ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
	int fd;

	if (!is_plain(path))
		return refuse(a, "it leads out of the tree", err);
	*ret_name = path[0] == '\0' ? "." : slash != NULL ? slash + 1 : path;
	fd = sys_openat2(tree, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, BENEATH);
	return fd >= 0 ? fd : failed(a, err);
}

static int open_file(const struct applying *a, int tree, const char *path, int flags, struct error *err)
{
	struct stat st;
	int fd;

	if (path[0] == '\0' || !is_plain(path))
		return refuse(a, "it leads out of the tree", err);
	fd = sys_openat2(tree, path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, BENEATH);
	if (fd < 0)
		return failed(a, err);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return refuse(a, "it is no file", err);
}

/* ---- what is made */

static int add_entry(struct applying *a, struct error *err)
{
	if (++a->entries <= a->t->max_entries)
		return 0;
	return error_set(err, ERROR_TOO_LARGE, "the backup has more than %llu entries (image_max_entries)",
			 (unsigned long long)a->t->max_entries);
}

static int make(struct applying *a, int dir, const char *name)
{
	const struct stream_command *c = &a->c;
	unsigned dev_major = (unsigned)(c->rdev >> 8 & 0xfff), dev_minor = (unsigned)((c->rdev & 0xff) | (c->rdev >> 12 & 0xfff00));
	int fd;

	switch (c->kind) {
	case STREAM_MKDIR: return mkdirat(dir, name, 0700);
	case STREAM_SYMLINK: return symlinkat(c->other, dir, name);
	case STREAM_MKFIFO: return mknodat(dir, name, S_IFIFO | 0600, 0);
	case STREAM_MKSOCK: return mknodat(dir, name, S_IFSOCK | 0600, 0);
	case STREAM_MKNOD: return mknodat(dir, name, S_ISBLK(c->mode) ? S_IFBLK | 0600 : S_IFCHR | 0600, makedev(dev_major, dev_minor));
	default:
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		return fd < 0 ? -1 : close(fd);
	}
}

static int do_make(struct applying *a, int dir, const char *name, struct error *err)
{
	return add_entry(a, err) < 0 ? -1 : make(a, dir, name) < 0 ? failed(a, err) : 0;
}

/* ---- names */

static int do_move(struct applying *a, int dir, const char *name, struct error *err)
{
	const char *to = ".";
	AUTO_CLOSE int other = open_parent(a, a->t->tree, a->c.other, &to, err);

	if (other < 0)
		return -1;
	return renameat(dir, name, other, to) < 0 ? failed(a, err) : 0;
}

static int do_link(struct applying *a, int dir, const char *name, struct error *err)
{
	const char *from = ".";
	AUTO_CLOSE int other = open_parent(a, a->t->tree, a->c.other, &from, err);

	if (other < 0 || add_entry(a, err) < 0)
		return -1;
	return linkat(other, from, dir, name, 0) < 0 ? failed(a, err) : 0;
}

static int do_remove(struct applying *a, int dir, const char *name, struct error *err)
{
	return unlinkat(dir, name, a->c.kind == STREAM_RMDIR ? AT_REMOVEDIR : 0) < 0 ? failed(a, err) : 0;
}

/* ---- data */

static void close_file(struct applying *a)
{
	if (a->open != NULL)
		close(a->fd);
	free(a->open);
	a->open = NULL;
}

static int open_again(struct applying *a, struct error *err)
{
	if (a->open != NULL && strcmp(a->open, a->c.path) == 0)
		return 0;
	close_file(a);
	a->fd = open_file(a, a->t->tree, a->c.path, O_WRONLY, err);
	if (a->fd < 0)
		return -1;
	a->open = mem_strdup(a->c.path);
	return 0;
}

static int do_write(struct applying *a, struct error *err)
{
	const uint8_t *p = a->c.data;
	uint64_t at = a->c.offset;

	a->bytes += a->c.len;
	if (a->bytes > a->t->max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the backup unpacks to more than %llu bytes (image_max_bytes)",
				 (unsigned long long)a->t->max_bytes);
	if (at > INT64_MAX - a->c.len)
		return refuse(a, "it is too long", err);
	if (open_again(a, err) < 0)
		return -1;
	for (size_t left = a->c.len; left > 0;) {
		ssize_t n = pwrite(a->fd, p, left, (off_t)at);

		if (n < 0 && errno != EINTR)
			return failed(a, err);
		p += n > 0 ? n : 0;
		at += n > 0 ? (uint64_t)n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int do_truncate(struct applying *a, struct error *err)
{
	AUTO_CLOSE int fd = open_file(a, a->t->tree, a->c.path, O_WRONLY, err);

	if (fd < 0)
		return -1;
	if (a->c.size > INT64_MAX)
		return refuse(a, "it is too long", err);
	return ftruncate(fd, (off_t)a->c.size) < 0 ? failed(a, err) : 0;
}

/* Of this tree, or of what it was before the stream. */
static int do_clone(struct applying *a, struct error *err)
{
	bool own = memcmp(a->c.clone_uuid, a->uuid, STREAM_UUID) == 0;
	bool of_parent = a->t->parent >= 0 && memcmp(a->c.clone_uuid, a->t->uuid, STREAM_UUID) == 0;
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int to = -1;
	struct file_clone_range range = { .src_offset = a->c.clone_offset, .src_length = a->c.clone_len, .dest_offset = a->c.offset };

	if (!own && !of_parent)
		return refuse(a, "it is made of a file of another tree", err);
	if (a->c.clone_len == 0)
		return 0; /* which to FICLONERANGE is all there is */
	from = open_file(a, own ? a->t->tree : a->t->parent, a->c.other, O_RDONLY, err);
	to = from >= 0 ? open_file(a, a->t->tree, a->c.path, O_WRONLY, err) : -1;
	if (from < 0 || to < 0)
		return -1;
	range.src_fd = from;
	return ioctl(to, FICLONERANGE, &range) < 0 ? failed(a, err) : 0;
}

/* ---- attributes */

static int do_chown(struct applying *a, int dir, const char *name, struct error *err)
{
	uint64_t uid = stream_shift(&a->t->shift, a->c.uid), gid = stream_shift(&a->t->shift, a->c.gid);

	if (uid > a->t->max_id || gid > a->t->max_id)
		return refuse(a, "its owner is beyond the last id of the instance", err);
	return fchownat(dir, name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0 ? failed(a, err) : 0;
}

static int do_chmod(struct applying *a, int dir, const char *name, struct error *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(a, err);
	if (S_ISLNK(st.st_mode))
		return refuse(a, "a link has no mode", err);
	return fchmodat(dir, name, a->c.mode & PERMISSIONS, 0) < 0 ? failed(a, err) : 0;
}

static int do_utimes(struct applying *a, int dir, const char *name, struct error *err)
{
	const struct timespec times[2] = { a->c.atime, a->c.mtime };

	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? failed(a, err) : 0;
}

/* By the folder it is in, since there is no /proc to name an fd by. */
static int do_xattr(struct applying *a, int dir, const char *name, struct error *err)
{
	const struct stream_command *c = &a->c;
	AUTO_FREE uint8_t *value = mem_alloc(c->len + 1);
	size_t len = c->len;
	int rc;

	if (stream_xattr_is_hosts(c->xattr))
		return 0;
	if (!stream_xattr_is_kept(c->xattr))
		return refuse(a, "it has an attribute that cannot be kept (trusted.…)", err);
	if (fchdir(dir) < 0)
		return failed(a, err);
	if (len > 0)
		memcpy(value, c->data, len);
	stream_xattr_shift(&a->t->shift, c->xattr, value, &len);
	rc = c->kind == STREAM_SET_XATTR ? lsetxattr(name, c->xattr, value, len, 0) : lremovexattr(name, c->xattr);
	return rc == 0 || (c->kind == STREAM_REMOVE_XATTR && errno == ENODATA) ? 0 : failed(a, err);
}

/* ---- all */

static int at_name(struct applying *a, int (*fn)(struct applying *a, int dir, const char *name, struct error *err), struct error *err)
{
	const char *name = ".";
	AUTO_CLOSE int dir = open_parent(a, a->t->tree, a->c.path, &name, err);

	return dir < 0 ? -1 : fn(a, dir, name, err);
}

static int begin(struct applying *a, struct error *err)
{
	bool on_parent = a->c.kind == STREAM_SNAPSHOT;

	if (a->c.kind != STREAM_SUBVOL && !on_parent)
		return error_set(err, ERROR_INVALID, "the stream does not say what it begins with");
	if (on_parent && (a->t->parent < 0 || memcmp(a->c.clone_uuid, a->t->uuid, STREAM_UUID) != 0))
		return error_set(err, ERROR_INVALID, "the stream does not go on where the one before ended");
	if (!on_parent && a->t->parent >= 0)
		return error_set(err, ERROR_INVALID, "the stream does not go on where the one before ended, but begins anew");
	memcpy(a->uuid, a->c.uuid, STREAM_UUID);
	return 0;
}

static int apply_one(struct applying *a, struct error *err)
{
	switch (a->c.kind) {
	case STREAM_MKFILE:
	case STREAM_MKDIR:
	case STREAM_MKNOD:
	case STREAM_MKFIFO:
	case STREAM_MKSOCK:
	case STREAM_SYMLINK: return at_name(a, do_make, err);
	case STREAM_RENAME: return at_name(a, do_move, err);
	case STREAM_LINK: return at_name(a, do_link, err);
	case STREAM_UNLINK:
	case STREAM_RMDIR: return at_name(a, do_remove, err);
	case STREAM_SET_XATTR:
	case STREAM_REMOVE_XATTR: return at_name(a, do_xattr, err);
	case STREAM_CLONE: return do_clone(a, err);
	case STREAM_TRUNCATE: return do_truncate(a, err);
	case STREAM_CHMOD: return at_name(a, do_chmod, err);
	case STREAM_CHOWN: return at_name(a, do_chown, err);
	case STREAM_UTIMES: return at_name(a, do_utimes, err);
	case STREAM_UPDATE_EXTENT: return refuse(a, "the stream was made without data", err);
	default: return refuse(a, "the stream begins twice", err);
	}
}

static int apply_all(struct applying *a, struct stream *s, struct error *err)
{
	int rc = stream_next(s, &a->c, err);

	if (rc <= 0 || begin(a, err) < 0)
		return rc < 0 || err->code != ERROR_NONE ? -1 : error_set(err, ERROR_INVALID, "the stream is empty");
	while ((rc = stream_next(s, &a->c, err)) > 0) {
		if (a->c.kind != STREAM_WRITE)
			close_file(a);
		if ((a->c.kind == STREAM_WRITE ? do_write(a, err) : apply_one(a, err)) < 0)
			return -1;
	}
	return rc;
}

int stream_apply(struct stream *s, struct stream_target *t, struct error *err)
{
	struct applying *a = mem_alloc(sizeof(*a));
	int rc;

	a->t = t;
	rc = apply_all(a, s, err);
	close_file(a);
	if (rc == 0)
		memcpy(t->uuid, a->uuid, STREAM_UUID);
	free(a);
	return rc;
}
