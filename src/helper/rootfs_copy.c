/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_copy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "helper/rootfs_copy_file.h"
#include "helper/rootfs_note.h"
#include "helper/rootfs_sys.h"

#define DEPTH_MAX 1024 /* three descriptors and a stack frame each */

enum pass {
	PASS_ONLY, /* of a tree that does not change */
	PASS_LOOSE, /* of one that may: as it goes */
	PASS_LIVE, /* of one that does: notes what it copied */
	PASS_REST, /* then at rest, by those notes */
};

struct copy {
	const struct idmap *map;
	const char *top;       /* for messages */
	const char *dst_name;
	int dst_top;
	enum pass pass;
	struct rootfs_note *note;
	struct strmap *links;  /* "dev:ino" of files with several names -> struct link */
	struct strbuf path;    /* of the current entry, below both tops */
	unsigned depth;
	unsigned long skipped; /* device nodes */
};

/* The first name of a file that was copied, below dst_top, and when it had changed last. */
struct link {
	struct timespec ctime;
	char path[];
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

/* Errors of a first pass that say: it was moved, removed or replaced just now. The second pass will see. */
static bool has_changed(const struct copy *c, int sys)
{
	return (c->pass == PASS_LIVE || c->pass == PASS_LOOSE) &&
	       (sys == ENOENT || sys == ENOTDIR || sys == ELOOP || sys == EEXIST || sys == ENXIO || sys == EISDIR ||
		sys == EINVAL || sys == ESTALE);
}

/* What lies at the current path of the copy goes, whatever it is; nobody else changes a copy. */
static int remove_current(const struct copy *c, int dir, const char *name, struct error *err)
{
	AUTO_FREE char *full = NULL;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	full = mem_printf("%s/%s", c->dst_name, c->path.buf);
	return fs_remove_tree(full, err);
}

static int copy_dir(struct copy *c, struct pair dir, struct error *err);

/* In a second pass the folder may be there, from the first. */
static int open_subdir(struct copy *c, int dir, const char *name, struct error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = c->pass == PASS_REST ? openat(dir, name, flags) : -1;

	if (fd >= 0 || (c->pass == PASS_REST && remove_current(c, dir, name, err)))
		return fd;
	if (mkdirat(dir, name, 0700) < 0 || (fd = openat(dir, name, flags)) < 0)
		return copy_error(c, errno, err);
	return fd;
}

static int copy_subdir(struct copy *c, struct pair at, const char *name, const struct stat *st, struct error *err)
{
	AUTO_CLOSE int src = openat(at.src, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int dst = -1;

	if (c->depth >= DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "'%s/%s' lies deeper than %d folders", c->top, c->path.buf, DEPTH_MAX);
	if (src < 0)
		return copy_error(c, errno, err);
	dst = open_subdir(c, at.dst, name, err);
	if (dst < 0)
		return -1;
	c->depth++;
	if (copy_dir(c, (struct pair){ src, dst }, err))
		return -1;
	c->depth--;
	return copy_attributes(src, dst, st, c->map) < 0 ? copy_error(c, errno, err) : 0;
}

/*
 * Of the file that was opened, which may not be the one that was looked at. A page that a memory map has made dirty
 * before shows no later writes in the ctime; one that is being written out does.
 */
static int look_again(const struct copy *c, int src, struct stat *st)
{
	if (c->pass == PASS_LIVE)
		(void)sync_file_range(src, 0, 0, SYNC_FILE_RANGE_WRITE_AND_WAIT);
	if (fstat(src, st) < 0)
		return -1;
	if (S_ISREG(st->st_mode))
		return 0;
	errno = ESTALE;
	return -1;
}

static int copy_regular(struct copy *c, struct pair at, const char *name, struct stat *st, struct error *err)
{
	AUTO_CLOSE int src = openat(at.src, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_CLOSE int dst = -1;

	if (src < 0 || ((c->pass == PASS_LIVE || c->pass == PASS_LOOSE) && look_again(c, src, st) < 0))
		return copy_error(c, errno, err);
	dst = openat(at.dst, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (dst < 0 || copy_data(src, dst, st->st_size) < 0 || copy_attributes(src, dst, st, c->map) < 0)
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

static char *link_key(const struct stat *st)
{
	return mem_printf("%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
}

static void remember_link(struct copy *c, const char *key, const struct stat *st)
{
	struct link *l = mem_alloc(sizeof(*l) + c->path.len + 1);

	l->ctime = st->st_ctim;
	memcpy(l->path, c->path.buf, c->path.len + 1);
	strmap_put(c->links, key, l);
}

/* 1: linked to a copy made before, whose ctime counts for both; 0: the first of its names. */
static int copy_link(struct copy *c, int dst, const char *name, struct stat *st, struct error *err)
{
	AUTO_FREE char *key = link_key(st);
	const struct link *first = strmap_get(c->links, key);

	if (!first) {
		remember_link(c, key, st);
		return 0;
	}
	if (linkat(c->dst_top, first->path, dst, name, 0) < 0)
		return copy_error(c, errno, err);
	st->st_ctim = first->ctime;
	return 1;
}

static int copy_leaf(struct copy *c, struct pair at, const char *name, struct stat *st, struct error *err)
{
	int rc = st->st_nlink > 1 ? copy_link(c, at.dst, name, st, err) : 0;

	if (rc)
		return rc < 0 ? -1 : 0;
	return S_ISREG(st->st_mode) ? copy_regular(c, at, name, st, err) : copy_special(c, at, name, st, err);
}

/* What changed meanwhile is not noted, so the second pass begins anew with it; no other name is to be linked to it. */
static int copy_leaf_live(struct copy *c, struct pair at, const char *name, struct stat *st, struct error *err)
{
	AUTO_FREE char *key = link_key(st);
	int rc = copy_leaf(c, at, name, st, err);

	if (rc == 0) {
		rootfs_note_add(c->note, c->path.buf, st);
		return 0;
	}
	strmap_remove(c->links, key);
	return rc;
}

static int copy_leaf_rest(struct copy *c, struct pair at, const char *name, struct stat *st, struct error *err)
{
	bool same = rootfs_note_same(c->note, c->path.buf, st);
	AUTO_FREE char *key = link_key(st);

	if (same && (st->st_nlink == 1 || !strmap_get(c->links, key))) {
		if (st->st_nlink > 1)
			remember_link(c, key, st);
		return 0;
	}
	if (remove_current(c, at.dst, name, err))
		return -1;
	return copy_leaf(c, at, name, st, err);
}

static int copy_what_is_there(struct copy *c, struct pair at, const char *name, struct error *err)
{
	struct stat st;

	if (fstatat(at.src, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return copy_error(c, errno, err);
	if (S_ISDIR(st.st_mode))
		return copy_subdir(c, at, name, &st, err);
	if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && c->map->base) {
		c->skipped++;
		return 0;
	}
	if (c->pass == PASS_LIVE)
		return copy_leaf_live(c, at, name, &st, err);
	return c->pass == PASS_REST ? copy_leaf_rest(c, at, name, &st, err) : copy_leaf(c, at, name, &st, err);
}

static int copy_entry(struct copy *c, struct pair at, const char *name, struct error *err)
{
	unsigned depth = c->depth;

	if (copy_what_is_there(c, at, name, err) == 0)
		return 0;
	if (!has_changed(c, err->sys))
		return -1;
	c->depth = depth;
	error_clear(err);
	return 0;
}

/* What the folder no longer has goes from its copy; and what it has of attributes: a default ACL would be inherited. */
static int prune(struct copy *c, struct pair dir, struct error *err)
{
	int fd = openat(dir.dst, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t len = c->path.len;
	struct dirent *e;
	struct stat st;
	int rc = 0;

	if (!d) {
		rc = copy_error(c, errno, err);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (copy_drop_xattrs(dir.dst) < 0)
		rc = copy_error(c, errno, err);
	while (rc == 0 && (errno = 0, e = readdir(d))) {
		if (fstatat(dir.src, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		strbuf_addf(&c->path, "%s%s", len ? "/" : "", e->d_name);
		rc = errno == ENOENT ? remove_current(c, dir.dst, e->d_name, err) : copy_error(c, errno, err);
		strbuf_truncate(&c->path, len);
	}
	if (rc == 0 && errno)
		rc = copy_error(c, errno, err);
	closedir(d);
	return rc;
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
	if (c->pass == PASS_REST)
		rc = prune(c, dir, err);
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

/* c has map and top; src and dst are open. */
static int run(struct copy *c, struct pair top, const char *dst, struct error *err)
{
	int rc;

	allow_descriptors();
	c->path = (struct strbuf)STRBUF_INIT;
	c->dst_name = dst;
	c->dst_top = top.dst;
	c->links = strmap_new(free);
	rc = copy_tree(c, top, err);
	strmap_free(c->links);
	strbuf_clear(&c->path);
	return rc;
}

int rootfs_copy_fd(int fd, const char *src, const char *dst, const struct idmap *map, struct error *err)
{
	struct copy c = { .map = map, .top = src };
	AUTO_CLOSE int from = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int to = -1;

	if (from < 0)
		return error_sys(err, errno, "cannot open '%s'", src);
	to = open_empty(dst, err);
	return to < 0 ? -1 : run(&c, (struct pair){ from, to }, dst, err);
}

int rootfs_copy(const char *src, const char *dst, const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int fd = open(src, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", src);
	return rootfs_copy_fd(fd, src, dst, map, err);
}

int rootfs_copy_loose(const char *src, const char *dst, struct error *err)
{
	static const struct idmap none;
	struct copy c = { .map = &none, .top = src, .pass = PASS_LOOSE };
	AUTO_CLOSE int from = open(src, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int to = open(dst, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (from < 0 || to < 0)
		return error_sys(err, errno, "cannot open '%s'", from < 0 ? src : dst);
	return run(&c, (struct pair){ from, to }, dst, err);
}

static int copy_noted(struct copy *c, int to, const char *dst, struct error *err)
{
	AUTO_CLOSE int from = open(c->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from < 0)
		return error_sys(err, errno, "cannot open '%s'", c->top);
	return run(c, (struct pair){ from, to }, dst, err);
}

int rootfs_copy_live(const char *src, const char *dst, const char *note, struct error *err)
{
	static const struct idmap none;
	struct copy c = { .map = &none, .top = src, .pass = PASS_LIVE };
	AUTO_CLOSE int to = open_empty(dst, err);
	int rc;

	if (to < 0)
		return -1;
	c.note = rootfs_note_create(note, err);
	if (!c.note)
		return -1;
	rc = copy_noted(&c, to, dst, err);
	if (rc == 0)
		rc = rootfs_note_finish(c.note, err);
	rootfs_note_free(c.note);
	return rc;
}

int rootfs_copy_rest(const char *src, const char *dst, const char *note, struct error *err)
{
	static const struct idmap none;
	struct copy c = { .map = &none, .top = src, .pass = PASS_REST };
	AUTO_CLOSE int to = open(dst, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (to < 0)
		return error_sys(err, errno, "cannot open '%s'", dst);
	c.note = rootfs_note_load(note, err);
	if (!c.note)
		return -1;
	rc = copy_noted(&c, to, dst, err);
	rootfs_note_free(c.note);
	return rc;
}
