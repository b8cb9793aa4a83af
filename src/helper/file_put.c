/* SPDX-License-Identifier: MIT */
#include "helper/file_put.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/chunk.h"
#include "base/fs.h"
#include "base/mem.h"
#include "helper/file_path.h"

/* Where the contents wait for their end, in the folder that they go to. */
struct spool {
	int fd;
	int parent;     /* borrowed */
	char name[48];  /* "": it has none, and goes away with us */
};

static void spool_drop(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	if (s->name[0] != '\0')
		unlinkat(s->parent, s->name, 0);
}

static void new_name(char *buf, size_t size)
{
	unsigned long long n = 0;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		n = (unsigned long long)getpid();
	snprintf(buf, size, ".berth-file.%016llx", n);
}

/* Without a name, so that it is gone whatever ends us; not every file system can. */
static int spool_open(struct spool *s, int parent)
{
	s->parent = parent;
	s->name[0] = '\0';
	s->fd = openat(parent, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return s->fd;
	new_name(s->name, sizeof(s->name));
	s->fd = openat(parent, s->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0)
		s->name[0] = '\0';
	return s->fd;
}

static int spool_fill(const struct spool *s, const struct file_put *p, const struct file_link *l, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK_MAX);
	ssize_t n;

	while ((n = file_link_read(l, buf, err)) > 0)
		if (fs_write_all(s->fd, buf, (size_t)n) < 0)
			return file_path_error("write", p->path, errno, err);
	return n < 0 ? -1 : 0;
}

/* Gives it a name; an existing file of that name is replaced. */
static int spool_place(struct spool *s, const char *name)
{
	char proc[40];

	if (s->name[0] == '\0') {
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", s->fd);
		if (linkat(AT_FDCWD, proc, s->parent, name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
		new_name(s->name, sizeof(s->name));
		if (linkat(AT_FDCWD, proc, s->parent, s->name, AT_SYMLINK_FOLLOW) < 0) {
			s->name[0] = '\0';
			return -1;
		}
	}
	if (renameat(s->parent, s->name, s->parent, name) < 0)
		return -1;
	s->name[0] = '\0';
	return 0;
}

static bool is_mount(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) == 0 && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* Other names, a mount, access lists: a new file would be another one to them. */
static bool must_stay(int fd, const struct stat *st)
{
	char proc[40];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	return st->st_nlink > 1 || is_mount(fd) || listxattr(proc, NULL, 0) > 0;
}

static int copy_to(int from, int to, off_t at)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK_MAX);
	ssize_t n;

	if (lseek(from, 0, SEEK_SET) < 0 || lseek(to, at, SEEK_SET) < 0)
		return -1;
	while ((n = read(from, buf, CHUNK_MAX)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fs_write_all(to, buf, (size_t)n) < 0)
			return -1;
	}
	return 0;
}

/* Into the file that is there: room for all of it is made sure of before a byte of the old contents goes. */
static int write_over(const struct spool *s, int path_fd, const struct file_put *p, struct error *err)
{
	AUTO_CLOSE int fd = file_path_reopen(path_fd, O_WRONLY);
	struct stat now, old;
	off_t at, end;

	if (fd < 0 || fstat(s->fd, &now) < 0 || fstat(fd, &old) < 0)
		return file_path_error("open", p->path, errno, err);
	at = p->append ? old.st_size : 0;
	end = at + now.st_size;
	if (end > old.st_size && fallocate(fd, FALLOC_FL_KEEP_SIZE, old.st_size, end - old.st_size) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return file_path_error("write", p->path, errno, err);
	if (copy_to(s->fd, fd, at) < 0) {
		int sys = errno;

		if (p->append)
			(void)!ftruncate(fd, old.st_size);
		return file_path_error("write", p->path, sys, err);
	}
	if (!p->append && ftruncate(fd, end) < 0)
		return file_path_error("truncate", p->path, errno, err);
	return 0;
}

static int own(int fd, uid_t uid, gid_t gid, mode_t mode, const struct file_put *p, struct error *err)
{
	if (fchown(fd, uid, gid) < 0)
		return file_path_error("chown", p->path, errno, err);
	if (fchmod(fd, mode) < 0)
		return file_path_error("chmod", p->path, errno, err);
	return 0;
}

/* old: an O_PATH descriptor of the file that is there, or -1. */
static int place(struct spool *s, int old, const char *name, const struct file_put *p, struct error *err)
{
	struct stat st;

	if (old < 0) {
		if (own(s->fd, p->uid, p->gid, p->mode < 0 ? 0644 : (mode_t)p->mode, p, err) < 0)
			return -1;
	} else {
		if (fstat(old, &st) < 0)
			return file_path_error("stat", p->path, errno, err);
		if (p->append || must_stay(old, &st))
			return write_over(s, old, p, err);
		if (own(s->fd, st.st_uid, st.st_gid, st.st_mode & 07777, p, err) < 0)
			return -1;
	}
	if (spool_place(s, name) == 0)
		return 0;
	if (old >= 0 && errno == EBUSY)
		return write_over(s, old, p, err);
	return file_path_error("open", p->path, errno, err);
}

/* What is at the end of the path, if anything: a regular file. */
static int open_old(int parent, const char *name, const struct file_put *p, int *ret_fd, struct error *err)
{
	struct stat st;

	*ret_fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return errno == ENOENT && !p->append ? 0 : file_path_error("open", p->path, errno, err);
	if (fstat(*ret_fd, &st) < 0)
		return file_path_error("open", p->path, errno, err);
	if (S_ISDIR(st.st_mode))
		return file_path_error("open", p->path, EISDIR, err);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, "what is there is not a file");
	return 0;
}

/* From l; or, if that is NULL, text. */
static int put_from(const struct file_put *p, const struct file_link *l, const char *text, size_t len, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = file_path_final(p->root, p->path, &name);
	AUTO_CLOSE int old = -1;
	struct spool spool;
	int rc;

	if (parent < 0)
		return file_path_error("open", p->path, errno, err);
	if (open_old(parent, name, p, &old, err) < 0)
		return -1;
	if (spool_open(&spool, parent) < 0)
		return file_path_error("open", p->path, errno, err);
	if (l != NULL)
		rc = spool_fill(&spool, p, l, err);
	else
		rc = fs_write_all(spool.fd, text, len) < 0 ? file_path_error("write", p->path, errno, err) : 0;
	if (rc == 0)
		rc = place(&spool, old, name, p, err);
	spool_drop(&spool);
	return rc;
}

int file_put(const struct file_put *p, const struct file_link *l, struct error *err)
{
	return put_from(p, l, NULL, 0, err);
}

int file_put_text(const struct file_put *p, const char *text, size_t len, struct error *err)
{
	return put_from(p, NULL, text, len, err);
}

static int read_target(const struct file_link *l, char *target, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK_MAX);
	size_t len = 0;
	ssize_t n;

	while ((n = file_link_read(l, buf, err)) > 0) {
		if (len + (size_t)n >= PATH_MAX || memchr(buf, 0, (size_t)n) != NULL)
			return error_set(err, ERROR_INVALID, "a symbolic link leads to 1 to %d bytes, none of them 0", PATH_MAX - 1);
		memcpy(target + len, buf, (size_t)n);
		len += (size_t)n;
	}
	target[len] = '\0';
	if (n == 0 && len == 0)
		return error_set(err, ERROR_INVALID, "a symbolic link leads to 1 to %d bytes, none of them 0", PATH_MAX - 1);
	return n < 0 ? -1 : 0;
}

int file_put_link(const struct file_put *p, const struct file_link *l, struct error *err)
{
	char target[PATH_MAX];
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *now = NULL;
	AUTO_CLOSE int parent = file_path_parent(p->root, p->path, &name);
	int sys;

	if (parent < 0)
		return file_path_error("symlink", p->path, errno, err);
	if (read_target(l, target, err) < 0)
		return -1;
	if (symlinkat(target, parent, name) == 0) {
		if (fchownat(parent, name, p->uid, p->gid, AT_SYMLINK_NOFOLLOW) == 0)
			return 0;
		sys = errno;
		unlinkat(parent, name, 0);
		return file_path_error("chown", p->path, sys, err);
	}
	sys = errno;
	now = file_path_readlink(parent, name);
	if (sys == EEXIST && now != NULL && strcmp(now, target) == 0)
		return 0;
	return file_path_error("symlink", p->path, sys, err);
}

static bool is_folder(int root, const char *path)
{
	AUTO_CLOSE int fd = file_path_lookup(root, path, true);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_put_folder(const struct file_put *p, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = -1;
	AUTO_CLOSE int fd = -1;

	if (is_folder(p->root, p->path))
		return 0;
	parent = file_path_parent(p->root, p->path, &name);
	if (parent < 0 || mkdirat(parent, name, 0700) < 0)
		return file_path_error("mkdir", p->path, errno, err);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && own(fd, p->uid, p->gid, p->mode < 0 ? 0750 : (mode_t)p->mode, p, err) == 0)
		return 0;
	if (fd < 0)
		file_path_error("mkdir", p->path, errno, err);
	unlinkat(parent, name, AT_REMOVEDIR);
	return -1;
}

int file_delete(int root, const char *path, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = file_path_parent(root, path, &name);
	int rc;

	if (parent < 0)
		return file_path_error("remove", path, errno, err);
	rc = unlinkat(parent, name, 0);
	if (rc < 0 && errno == EISDIR)
		rc = unlinkat(parent, name, AT_REMOVEDIR);
	return rc < 0 ? file_path_error("remove", path, errno, err) : 0;
}
