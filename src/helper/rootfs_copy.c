/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_copy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "helper/rootfs_copy_file.h"
#include "helper/rootfs_sys.h"

#define DEPTH_MAX 1024 /* three descriptors and a stack frame each */

struct copy {
	const struct idmap *map;
	const char *top;       /* for messages */
	int dst_top;
	struct strmap *links;  /* "dev:ino" of files with several names -> path of the copy below dst_top */
	struct strbuf path;    /* of the current entry, below both tops */
	unsigned depth;
	unsigned long skipped; /* device nodes */
};

/* An open folder pair. */
struct pair {
	int src, dst;
};

static int copy_error(const struct copy *c, int sys, struct error *err)
{
	if (sys == EOVERFLOW)
		return error_set(err, ERROR_TOOL, "'%s/%s' names an owner beyond the %u ids of the instance", c->top,
				 c->path.buf, c->map->size);
	return error_sys(err, sys, "cannot copy '%s/%s'", c->top, c->path.buf);
}

static int copy_dir(struct copy *c, struct pair dir, struct error *err);

static int copy_subdir(struct copy *c, struct pair at, const char *name, const struct stat *st, struct error *err)
{
	AUTO_CLOSE int src = openat(at.src, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int dst = -1;

	if (c->depth >= DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "'%s/%s' lies deeper than %d folders", c->top, c->path.buf, DEPTH_MAX);
	if (src < 0 || mkdirat(at.dst, name, 0700) < 0)
		return copy_error(c, errno, err);
	dst = openat(at.dst, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dst < 0)
		return copy_error(c, errno, err);
	c->depth++;
	if (copy_dir(c, (struct pair){ src, dst }, err))
		return -1;
	c->depth--;
	if (copy_attributes(src, dst, st, c->map) < 0)
		return copy_error(c, errno, err);
	return 0;
}

static int copy_regular(struct copy *c, struct pair at, const char *name, const struct stat *st, struct error *err)
{
	AUTO_CLOSE int src = openat(at.src, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_CLOSE int dst = -1;

	if (src >= 0)
		dst = openat(at.dst, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (src < 0 || dst < 0 || copy_data(src, dst, st->st_size) < 0 || copy_attributes(src, dst, st, c->map) < 0)
		return copy_error(c, errno, err);
	return 0;
}

/* Symbolic links, fifos, sockets, device nodes: what has no contents to open. */
static int copy_special(struct copy *c, struct pair at, const char *name, const struct stat *st, struct error *err)
{
	char target[4096];
	ssize_t n;
	int rc;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(at.src, name, target, sizeof(target));
		if (n < 0 || (size_t)n == sizeof(target))
			return copy_error(c, n < 0 ? errno : ENAMETOOLONG, err);
		target[n] = '\0';
		rc = symlinkat(target, at.dst, name);
	} else {
		rc = mknodat(at.dst, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev);
	}
	if (rc < 0 || copy_attributes_at(at.dst, name, st, c->map) < 0)
		return copy_error(c, errno, err);
	return 0;
}

/* 1: linked to a copy made before; 0: the first of its names. */
static int copy_link(struct copy *c, int dst, const char *name, const struct stat *st, struct error *err)
{
	AUTO_FREE char *key = mem_printf("%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
	const char *first = strmap_get(c->links, key);

	if (!first) {
		strmap_put(c->links, key, mem_strdup(c->path.buf));
		return 0;
	}
	if (linkat(c->dst_top, first, dst, name, 0) < 0)
		return copy_error(c, errno, err);
	return 1;
}

static int copy_entry(struct copy *c, struct pair at, const char *name, struct error *err)
{
	struct stat st;
	int rc;

	if (fstatat(at.src, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return copy_error(c, errno, err);
	if (S_ISDIR(st.st_mode))
		return copy_subdir(c, at, name, &st, err);
	if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && c->map->base) {
		c->skipped++;
		return 0;
	}
	if (st.st_nlink > 1) {
		rc = copy_link(c, at.dst, name, &st, err);
		if (rc)
			return rc < 0 ? -1 : 0;
	}
	if (S_ISREG(st.st_mode))
		return copy_regular(c, at, name, &st, err);
	return copy_special(c, at, name, &st, err);
}

static int copy_dir(struct copy *c, struct pair dir, struct error *err)
{
	int fd = fcntl(dir.src, F_DUPFD_CLOEXEC, 3);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t len = c->path.len;
	struct dirent *e;
	int rc = 0;

	if (!d) {
		rc = copy_error(c, errno, err);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		strbuf_addf(&c->path, "%s%s", len ? "/" : "", e->d_name);
		rc = copy_entry(c, dir, e->d_name, err);
		strbuf_truncate(&c->path, len);
	}
	if (rc == 0 && errno)
		rc = copy_error(c, errno, err);
	closedir(d);
	return rc;
}

static int open_empty(const char *dst, struct error *err)
{
	struct stat st;
	int fd;

	if (mkdir(dst, 0700) < 0) {
		if (errno != EEXIST || rmdir(dst) < 0 || mkdir(dst, 0700) < 0)
			return error_sys(err, errno, "cannot make the folder '%s'", dst);
	}
	fd = open(dst, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot open '%s'", dst);
	return fd;
}

static int copy_tree(struct copy *c, struct pair top, struct error *err)
{
	struct stat st;

	if (copy_dir(c, top, err))
		return -1;
	if (fstat(top.src, &st) < 0 || copy_attributes(top.src, top.dst, &st, c->map) < 0)
		return copy_error(c, errno, err);
	if (c->skipped)
		fprintf(stderr, "berth-rootfs: left out %lu device nodes of '%s'\n", c->skipped, c->top);
	return 0;
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int rootfs_copy_fd(int fd, const char *src, const char *dst, const struct idmap *map, struct error *err)
{
	struct copy c = { .map = map, .top = src, .path = STRBUF_INIT };
	AUTO_CLOSE int from = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int to = -1;
	int rc;

	if (from < 0)
		return error_sys(err, errno, "cannot open '%s'", src);
	to = open_empty(dst, err);
	if (to < 0)
		return -1;
	allow_descriptors();
	c.dst_top = to;
	c.links = strmap_new(free);
	rc = copy_tree(&c, (struct pair){ from, to }, err);
	strmap_free(c.links);
	strbuf_clear(&c.path);
	return rc;
}

int rootfs_copy(const char *src, const char *dst, const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int fd = open(src, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", src);
	return rootfs_copy_fd(fd, src, dst, map, err);
}
