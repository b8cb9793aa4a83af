/* SPDX-License-Identifier: MIT */
/*
 * Whole trees: removal and disk usage.  The tree may be hostile (a container
 * made it): any depth, any name, renamed while we walk.  So the walk holds two
 * descriptors however deep it is, goes down by openat2() that follows nothing
 * and crosses no mount, and on the way up checks that ".." is where it came from.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/argv.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strmap.h"

struct frame {
	char *name;
	dev_t dev;
	ino_t ino;
	struct argv subdirs; /* still to be walked, from the end */
};

struct walk {
	const char *top; /* for messages */
	struct frame *stack;
	size_t depth, cap;
	int fd; /* of the innermost folder */
	struct error *err;
	bool remove;
	long long deadline_ms; /* on CLOCK_MONOTONIC; 0: none */
	unsigned long long usage;
	size_t len, longest; /* of the path below the top, in bytes */
	struct strmap *links; /* "dev:ino" of files with several names */
};

/* top/a/b/name, shortened in the middle of very deep trees */
static char *path_of(const struct walk *w, const char *name)
{
	struct strbuf sb = STRBUF_INIT;
	size_t i;

	strbuf_addstr(&sb, w->top);
	for (i = 1; i < w->depth; i++) {
		if (i == 8 && w->depth > 16) {
			strbuf_addstr(&sb, "/…");
			i = w->depth - 8;
		}
		strbuf_addf(&sb, "/%s", w->stack[i].name);
	}
	if (w->depth)
		strbuf_addf(&sb, "/%s", name);
	return strbuf_detach(&sb);
}

static int fail(struct walk *w, int sys, const char *what, const char *name)
{
	AUTO_FREE char *path = path_of(w, name);

	return error_sys(w->err, sys, "cannot %s '%s'", what, path);
}

static int open_below(int dirfd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

static void count(struct walk *w, const struct stat *st)
{
	char key[48];

	if (st->st_nlink > 1 && !S_ISDIR(st->st_mode)) {
		snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
		if (strmap_get(w->links, key))
			return;
		strmap_put(w->links, key, w->links);
	}
	w->usage += (unsigned long long)st->st_blocks * 512;
}

/* Anything that is not a folder. */
static int visit_file(struct walk *w, const char *name)
{
	struct stat st;

	if (w->remove) {
		if (unlinkat(w->fd, name, 0) < 0 && errno != ENOENT)
			return fail(w, errno, errno == EBUSY ? "remove (is it a mount point?)" : "remove",
				    name);
		return 0;
	}
	if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		count(w, &st);
	return 0;
}

static bool is_folder(int fd, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Visits the files of w->fd, notes the folders. */
static int scan(struct walk *w, struct frame *f)
{
	int fd = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		rc = fail(w, errno, "read folder", ".");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (is_folder(fd, e))
			argv_push(&f->subdirs, e->d_name);
		else
			rc = visit_file(w, e->d_name);
	}
	if (rc == 0 && errno)
		rc = fail(w, errno, "read folder", ".");
	closedir(d);
	return rc;
}

/* Goes into `name` below dirfd (w->fd or the parent of the top). 1: skipped. */
static int enter(struct walk *w, int dirfd, const char *name)
{
	AUTO_FREE char *path = NULL;
	struct frame *f;
	struct stat st;
	int fd = open_below(dirfd, name);

	if (fd < 0 &&
	    (errno == ENOENT || (!w->remove && (errno == EXDEV || errno == ENOTDIR || errno == ELOOP))))
		return 1;
	if (fd < 0 && errno == EXDEV) {
		path = path_of(w, name);
		return error_set(w->err, ERROR_CONFLICT, "cannot remove '%s': it is a mount point", path);
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		fail(w, errno, "open folder", name);
		mem_cleanup_close(&fd);
		return -1;
	}
	if (w->depth == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 32;
		w->stack = mem_realloc(w->stack, w->cap, sizeof(*w->stack));
	}
	f = &w->stack[w->depth++];
	*f = (struct frame){
		.name = mem_strdup(name), .dev = st.st_dev, .ino = st.st_ino, .subdirs = ARGV_INIT
	};
	mem_cleanup_close(&w->fd);
	w->fd = fd;
	w->len += strlen(name) + 1;
	w->longest = w->len > w->longest ? w->len : w->longest;
	count(w, &st);
	return scan(w, f);
}

static void pop(struct walk *w)
{
	struct frame *f = &w->stack[--w->depth];

	w->len -= strlen(f->name) + 1;
	free(f->name);
	argv_clear(&f->subdirs);
}

/* Back to the parent of the innermost folder, and away with the folder. */
static int leave(struct walk *w)
{
	const struct frame *up = &w->stack[w->depth - 2];
	AUTO_FREE char *name = mem_strdup(w->stack[w->depth - 1].name);
	int fd = open_below(w->fd, "..");
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		fail(w, errno, "leave folder", ".");
		mem_cleanup_close(&fd);
		return -1;
	}
	mem_cleanup_close(&w->fd);
	w->fd = fd;
	if (st.st_dev != up->dev || st.st_ino != up->ino)
		return fail(w, ESTALE, "walk (it was moved meanwhile)", name);
	pop(w);
	if (w->remove && unlinkat(w->fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return fail(w, errno, "remove folder", name);
	return 0;
}

static long long monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The whole tree below dirfd/name; the top folder itself stays. 1: it is not there. */
static int walk_tree(struct walk *w, int dirfd, const char *name)
{
	AUTO_FREE char *next = NULL;
	int rc = enter(w, dirfd, name);

	while (rc == 0) {
		struct frame *f = &w->stack[w->depth - 1];

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): enter() made a frame */
		if (!f->subdirs.n && w->depth == 1)
			return 0;
		if (w->deadline_ms && monotonic_ms() > w->deadline_ms)
			return error_set(w->err, ERROR_TIMEOUT, "walking '%s' takes too long", w->top);
		if (!f->subdirs.n) {
			rc = leave(w);
			continue;
		}
		free(next);
		next = f->subdirs.v[--f->subdirs.n];
		rc = enter(w, w->fd, next) < 0 ? -1 : 0;
	}
	return rc;
}

static void walk_end(struct walk *w)
{
	while (w->depth)
		pop(w);
	free(w->stack);
	strmap_free(w->links);
	mem_cleanup_close(&w->fd);
}

/* "a/b/" -> "a/b"; splits off the last name, which must be a real one. */
static char *split(char *path, const char **ret_name, struct error *err)
{
	size_t n = strlen(path);
	char *slash;

	while (n > 1 && path[n - 1] == '/')
		path[--n] = 0;
	slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!**ret_name || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0) {
		error_set(err, ERROR_INVALID, "'%s' does not name a file or folder of its own", path);
		return NULL;
	}
	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

static int open_parent(const char *dir, struct error *err)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "cannot open folder '%s'", dir) : fd;
}

int fs_remove_tree(const char *path, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(path);
	const char *name;
	AUTO_FREE char *dir = split(copy, &name, err);
	AUTO_CLOSE int dirfd = -1;
	struct walk w = { .top = copy, .fd = -1, .err = err, .remove = true };
	struct stat st;
	int rc;

	if (!dir)
		return -1;
	if (lstat(copy, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	dirfd = open_parent(dir, err);
	if (dirfd < 0)
		return -1;
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return error_sys(err, errno, "cannot remove '%s'", path);
	w.links = strmap_new(NULL);
	rc = walk_tree(&w, dirfd, name);
	walk_end(&w);
	if (rc == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove folder '%s'", path);
	return rc < 0 ? -1 : 0;
}

static int look_at(const char *path, struct walk *w, struct error *err)
{
	AUTO_CLOSE int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (dirfd < 0)
		return error_sys(err, errno, "cannot open folder '%s'", path);
	w->links = strmap_new(NULL);
	rc = walk_tree(w, dirfd, ".");
	walk_end(w);
	return rc < 0 ? -1 : 0;
}

bool fs_tree_is_deep(const char *path, size_t bytes)
{
	struct error ignored = ERROR_INIT;
	struct walk w = { .top = path, .fd = -1, .err = &ignored };

	(void)look_at(path, &w, &ignored);
	return w.longest > bytes;
}

int fs_tree_usage(const char *path, unsigned max_ms, unsigned long long *ret, struct error *err)
{
	struct walk w = { .top = path, .fd = -1, .err = err };
	struct stat st;
	int rc;

	*ret = 0;
	if (lstat(path, &st) < 0)
		return error_sys(err, errno, "cannot examine '%s'", path);
	if (!S_ISDIR(st.st_mode)) {
		*ret = (unsigned long long)st.st_blocks * 512;
		return 0;
	}
	w.deadline_ms = max_ms ? monotonic_ms() + max_ms : 0;
	rc = look_at(path, &w, err);
	*ret = w.usage;
	return rc;
}
