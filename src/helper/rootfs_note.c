/* SPDX-License-Identifier: MIT */
/* The file: "SEC NSEC\0" of the begin, then "INODE SEC NSEC PATH\0" of each. */
#include "helper/rootfs_note.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "helper/rootfs_sys.h"

struct rootfs_note {
	char *path;
	FILE *file;
	struct strmap *copied; /* path -> struct mark, of one that was loaded */
	struct timespec since;
};

struct mark {
	uint64_t ino;
	struct timespec ctime;
};

static struct rootfs_note *note_new(const char *path, int fd, const char *mode, struct error *err)
{
	struct rootfs_note *n;
	FILE *file = fd >= 0 ? fdopen(fd, mode) : NULL;

	if (!file) {
		error_sys(err, errno, "cannot open '%s'", path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	n = mem_alloc(sizeof(*n));
	n->path = mem_strdup(path);
	n->file = file;
	return n;
}

void rootfs_note_free(struct rootfs_note *n)
{
	if (!n)
		return;
	if (n->file)
		fclose(n->file);
	strmap_free(n->copied);
	free(n->path);
	free(n);
}

struct rootfs_note *rootfs_note_create(const char *path, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct rootfs_note *n = note_new(path, fd, "w", err);

	if (!n)
		return NULL;
	/* the clock of ctimes, which is behind the real one */
	clock_gettime(CLOCK_REALTIME_COARSE, &n->since);
	fprintf(n->file, "%jd %ld%c", (intmax_t)n->since.tv_sec, n->since.tv_nsec, '\0');
	return n;
}

void rootfs_note_add(struct rootfs_note *n, const char *name, const struct stat *st)
{
	fprintf(n->file, "%ju %jd %ld %s%c", (uintmax_t)st->st_ino, (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec, name,
		'\0');
}

int rootfs_note_finish(struct rootfs_note *n, struct error *err)
{
	FILE *file = n->file;
	bool failed = ferror(file) != 0;

	n->file = NULL;
	if (fclose(file) != 0 || failed)
		return error_sys(err, errno, "cannot write '%s'", n->path);
	return 0;
}

static int damaged(const struct rootfs_note *n, struct error *err)
{
	return error_set(err, ERROR_INVALID, "'%s' is not what a first pass left", n->path);
}

static int load(struct rootfs_note *n, struct error *err)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	intmax_t sec;
	uintmax_t ino;
	int at;

	if (getdelim(&line, &size, '\0', n->file) < 0 || sscanf(line, "%jd %ld", &sec, &n->since.tv_nsec) != 2)
		return damaged(n, err);
	n->since.tv_sec = (time_t)sec;
	while (getdelim(&line, &size, '\0', n->file) >= 0) {
		struct mark *m = mem_alloc(sizeof(*m));

		at = 0;
		if (sscanf(line, "%ju %jd %ld%n", &ino, &sec, &m->ctime.tv_nsec, &at) != 3 || line[at] != ' ') {
			free(m);
			return damaged(n, err);
		}
		m->ino = ino;
		m->ctime.tv_sec = (time_t)sec;
		strmap_put(n->copied, line + at + 1, m);
	}
	return ferror(n->file) ? error_sys(err, errno, "cannot read '%s'", n->path) : 0;
}

struct rootfs_note *rootfs_note_load(const char *path, struct error *err)
{
	struct rootfs_note *n = note_new(path, open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "r", err);

	if (!n)
		return NULL;
	n->copied = strmap_new(free);
	if (load(n, err) == 0)
		return n;
	rootfs_note_free(n);
	return NULL;
}

static bool is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

bool rootfs_note_same(const struct rootfs_note *n, const char *name, const struct stat *st)
{
	const struct mark *m = strmap_get(n->copied, name);

	return m && m->ino == st->st_ino && m->ctime.tv_sec == st->st_ctim.tv_sec &&
	       m->ctime.tv_nsec == st->st_ctim.tv_nsec && is_before(st->st_ctim, n->since);
}
