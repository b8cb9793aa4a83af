/* SPDX-License-Identifier: MIT */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* This much is to stay free, or this part of a small disk. */
enum { SPARE_BYTES = 64 * 1024 * 1024, SPARE_PART = 16 };

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" /* as that of children */

char *fs_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	return mem_printf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

static int open_for_reading(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "'%s' does not exist", path);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return fd;
}

int fs_read_file(const char *path, size_t max, struct strbuf *out, struct error *err)
{
	size_t start = out->len;
	AUTO_CLOSE int fd = open_for_reading(path, err);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= max)
		strbuf_grow(out, (size_t)st.st_size + 1);
	do {
		strbuf_grow(out, 4096);
		n = read(fd, out->buf + out->len, out->cap - out->len - 1);
		if (n > 0)
			out->len += (size_t)n;
		if (out->len - start > max) {
			strbuf_truncate(out, start);
			return error_set(err, ERROR_TOO_LARGE, "'%s' is larger than %zu bytes", path, max);
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		n = errno;
		strbuf_truncate(out, start);
		return error_sys(err, (int)n, "cannot read '%s'", path);
	}
	out->buf[out->len] = 0;
	return 0;
}

int fs_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Splits "a/b/c" into "a/b" (or "." or "/") and "c". */
static char *parent_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

/* One name per target, so that what a crash leaves is overwritten by the next write. */
static int open_tmp(const char *tmp)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(tmp, flags, 0600);

	if (fd < 0 && errno == EEXIST && unlink(tmp) == 0)
		fd = open(tmp, flags, 0600);
	return fd;
}

static int replace(const char *path, const void *data, size_t len, mode_t mode, bool durable, struct error *err)
{
	const char *name;
	AUTO_FREE char *dir = parent_of(path, &name);
	AUTO_FREE char *tmp = mem_printf("%s/.%s.tmp", dir, name);
	int fd, sys;

	if (!*name)
		return error_set(err, ERROR_INVALID, "cannot write '%s': it names no file", path);
	fd = open_tmp(tmp);
	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s'", tmp);
	if (fs_write_all(fd, data, len) < 0 || fchmod(fd, mode) < 0 || (durable && fsync(fd) < 0)) {
		sys = errno;
		close(fd);
		goto failed;
	}
	if (close(fd) < 0 || rename(tmp, path) < 0) {
		sys = errno;
		goto failed;
	}
	return durable ? fs_sync_dir(dir, err) : 0;
failed:
	unlink(tmp);
	return error_sys(err, sys, "cannot write '%s'", path);
}

int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct error *err)
{
	return replace(path, data, len, mode, true, err);
}

int fs_write_quick(const char *path, const void *data, size_t len, mode_t mode, struct error *err)
{
	return replace(path, data, len, mode, false, err);
}

int fs_sync_dir(const char *path, struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open folder '%s'", path);
	/* EINVAL: a file system without it (some FUSE ones) */
	if (fsync(fd) < 0 && errno != EINVAL)
		return error_sys(err, errno, "cannot sync folder '%s'", path);
	return 0;
}

int fs_sync_file(const char *path, struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return fsync(fd) < 0 ? error_sys(err, errno, "cannot sync '%s'", path) : 0;
}

/* mode whatever the umask is; a folder that is there keeps its own. */
static int make_dir(const char *path, mode_t mode, struct error *err)
{
	struct stat st;

	if (mkdir(path, mode & 0777) == 0) {
		if (chmod(path, mode) < 0)
			return error_sys(err, errno, "cannot set the mode of folder '%s'", path);
		return 0;
	}
	if (errno != EEXIST)
		return error_sys(err, errno, "cannot create folder '%s'", path);
	if (stat(path, &st) < 0)
		return error_sys(err, errno, "cannot examine '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return error_sys(err, ENOTDIR, "cannot create folder '%s'", path);
	return 0;
}

int fs_mkdirs(const char *path, mode_t mode, struct error *err)
{
	AUTO_FREE char *p = mem_strdup(path);
	struct stat st;
	char *s;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	for (s = p + 1; *p && (s = strchr(s, '/')) != NULL; s++) {
		*s = 0;
		if (make_dir(p, mode, err) < 0)
			return -1;
		*s = '/';
	}
	return make_dir(p, mode, err);
}

bool fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

char *fs_find_program(const char *name)
{
	const char *path = getenv("PATH"), *p = path != NULL && *path != '\0' ? path : PATH_DEFAULT;
	struct stat st;

	for (size_t len; *p != '\0'; p += len + (p[len] == ':')) {
		char *file;

		len = strcspn(p, ":");
		file = mem_printf("%.*s/%s", (int)len, p, name);
		if (len > 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
			return file;
		free(file);
	}
	return NULL;
}

bool fs_in_path(const char *name)
{
	AUTO_FREE char *file = fs_find_program(name);

	return file != NULL;
}

int fs_open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct error *err)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY ? mode & 07777 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s' inside the root file system", path);
	return (int)fd;
}

int fs_memory_file(const void *data, size_t len)
{
	int fd = memfd_create("berth", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < len) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		done += (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

bool fs_is_full(const struct statvfs *st)
{
	uint64_t spare = (uint64_t)st->f_blocks * st->f_frsize / SPARE_PART;

	return (uint64_t)st->f_bavail * st->f_frsize < (spare < SPARE_BYTES ? spare : SPARE_BYTES);
}
