/* SPDX-License-Identifier: MIT */
#include "helper/pack_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

enum { DEPTH_MAX = 4096, PATH_LEN_MAX = 4095, HEADERS = 3 * 512 /* of a file in the stream, with its pax header */ };

struct names {
	char **v;
	size_t n, cap;
};

struct walk {
	struct pack_scan *s;
	struct strbuf path;
	struct strbuf record; /* the old one that is next */
	bool have_old;
	size_t old_path; /* in record */
	unsigned depth;
};

/* '\0' < '/' < all else */
static int rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : (unsigned char)c + 1;
}

int pack_scan_order(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return rank(*a) - rank(*b);
}

static char type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	default:
		return 'f';
	}
}

/* ---- against an earlier scan */

static int read_old(struct walk *w, struct error *err)
{
	const char *p;
	int c, fields;

	strbuf_reset(&w->record);
	while ((c = getc(w->s->old)) != EOF && c != '\0')
		strbuf_addch(&w->record, (char)c);
	w->have_old = c == '\0';
	if (!w->have_old)
		return ferror(w->s->old) ? error_sys(err, errno, "cannot read the earlier scan") : 0;
	for (p = w->record.buf, fields = 0; *p != '\0' && fields < 3; p++)
		fields += *p == ' ';
	if (fields < 3)
		return error_set(err, ERROR_INVALID, "the earlier scan is damaged");
	w->old_path = (size_t)(p - w->record.buf);
	return 0;
}

static void format_record(struct strbuf *out, const struct stat *st, const char *path)
{
	strbuf_addf(out, "%c %lld.%09ld %llu %s", type_of(st->st_mode), (long long)st->st_ctim.tv_sec,
		    st->st_ctim.tv_nsec, (unsigned long long)st->st_ino, path);
}

static int compare(struct walk *w, const struct stat *st, struct error *err)
{
	AUTO_STRBUF struct strbuf now = STRBUF_INIT;
	bool same;

	while (w->have_old && pack_scan_order(w->record.buf + w->old_path, w->path.buf) < 0)
		if (read_old(w, err) < 0)
			return -1;
	format_record(&now, st, w->path.buf);
	same = w->have_old && strcmp(now.buf, w->record.buf) == 0 && st->st_ctim.tv_sec < w->s->since;
	fprintf(w->s->manifest, "%c %s", type_of(st->st_mode), w->path.buf);
	putc('\0', w->s->manifest);
	if (same || S_ISSOCK(st->st_mode))
		return 0;
	fputs(w->path.buf, w->s->changed);
	putc('\0', w->s->changed);
	return 0;
}

/* ---- the walk */

static bool excluded(const struct walk *w)
{
	for (int i = 0; i < w->s->n_exclude; i++)
		if (fnmatch(w->s->exclude[i], w->path.buf, FNM_LEADING_DIR) == 0)
			return true;
	return false;
}

static int count(struct walk *w, const struct stat *st, struct error *err)
{
	struct pack_scan *s = w->s;
	uint64_t blocks = (uint64_t)st->st_blocks * 512, links = S_ISDIR(st->st_mode) || !st->st_nlink ? 1 : st->st_nlink;
	uint64_t data = S_ISREG(st->st_mode) ? ((uint64_t)st->st_size < blocks ? (uint64_t)st->st_size : blocks) : 0;

	s->entries++;
	s->bytes += blocks / links;
	s->stream += HEADERS + (data + 511) / 512 * 512 / links;
	if (s->records != NULL) {
		AUTO_STRBUF struct strbuf line = STRBUF_INIT;

		format_record(&line, st, w->path.buf);
		fwrite(line.buf, 1, line.len + 1, s->records);
	}
	return s->old != NULL ? compare(w, st, err) : 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
}

static int read_names(struct walk *w, int fd, struct names *names, struct error *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (d == NULL) {
		if (copy >= 0)
			close(copy);
		return error_sys(err, errno, "cannot read '%s'", w->path.buf);
	}
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (names->n == names->cap) {
			names->cap = names->cap ? names->cap * 2 : 64;
			names->v = mem_realloc(names->v, names->cap, sizeof(char *));
		}
		names->v[names->n++] = mem_strdup(e->d_name);
	}
	if (errno != 0)
		error_sys(err, errno, "cannot read '%s'", w->path.buf);
	closedir(d);
	if (err->code != ERROR_NONE)
		return -1;
	if (names->n > 0)
		qsort(names->v, names->n, sizeof(char *), by_bytes);
	return 0;
}

static int walk_folder(struct walk *w, int fd, struct error *err);

static bool vanished(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == ESTALE;
}

static int walk_entry(struct walk *w, int parent, const char *name, struct error *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int rc;

	if (excluded(w))
		return 0;
	/* it can be packed, but not unpacked: whoever needs the backup would be the first to know */
	if (w->path.len > PATH_LEN_MAX)
		return error_set(err, ERROR_INVALID, "the path '%.100s...' is longer than %d bytes: remove or exclude it",
				 w->path.buf, PATH_LEN_MAX);
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return vanished(errno) ? 0 : error_sys(err, errno, "cannot look at '%s'", w->path.buf);
	if (count(w, &st, err) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (w->depth >= DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "'%.200s' lies deeper than %d folders", w->path.buf, DEPTH_MAX);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return vanished(errno) || errno == ELOOP ? 0 : error_sys(err, errno, "cannot open '%s'", w->path.buf);
	w->depth++;
	rc = walk_folder(w, fd, err);
	w->depth--;
	return rc;
}

static int walk_folder(struct walk *w, int fd, struct error *err)
{
	struct names names = { 0 };
	size_t len = w->path.len;
	int rc = read_names(w, fd, &names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		strbuf_addf(&w->path, "/%s", names.v[i]);
		rc = walk_entry(w, fd, names.v[i], err);
		strbuf_truncate(&w->path, len);
	}
	names_clear(&names);
	return rc;
}

static int flush_all(const struct pack_scan *s, struct error *err)
{
	FILE *const files[] = { s->records, s->manifest, s->changed };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i] != NULL && (fflush(files[i]) != 0 || ferror(files[i])))
			return error_sys(err, errno, "cannot write what was found");
	return 0;
}

int pack_scan(struct pack_scan *s, struct error *err)
{
	struct walk w = { .s = s, .path = STRBUF_INIT, .record = STRBUF_INIT };
	AUTO_CLOSE int top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rlimit limit;
	struct stat st;
	int rc;

	if (top < 0 || fstat(top, &st) < 0)
		return error_sys(err, errno, "cannot open the root of the file system");
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	strbuf_addstr(&w.path, ".");
	rc = s->old != NULL ? read_old(&w, err) : 0;
	if (rc == 0)
		rc = count(&w, &st, err);
	if (rc == 0)
		rc = walk_folder(&w, top, err);
	if (rc == 0)
		rc = flush_all(s, err);
	strbuf_clear(&w.path);
	strbuf_clear(&w.record);
	return rc;
}
