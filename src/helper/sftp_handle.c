/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "helper/file_path.h"
#include "helper/sftp_private.h"

#define READ_MAX (SFTP_PACKET_MAX - 1024)
#define NAMES_BYTES (64 * 1024) /* of one answer */

/* ---- the table */

static struct sftp_handle *unused(struct sftp *s, uint32_t *ret_number)
{
	for (uint32_t i = 0; i < SFTP_HANDLES_MAX; i++) {
		if (!s->handle[i].used) {
			*ret_number = i;
			return &s->handle[i];
		}
	}
	return NULL;
}

struct sftp_handle *sftp_handle_of(struct sftp_request *r)
{
	size_t len;
	const void *name = sftp_get_bytes(&r->in, &len);
	struct sftp_in in = { .p = name, .left = len };
	uint32_t number = sftp_get_u32(&in);

	if (len == 4 && number < SFTP_HANDLES_MAX && r->s->handle[number].used)
		return &r->s->handle[number];
	sftp_status(r, SFTP_FAILURE, "no such handle");
	return NULL;
}

int sftp_handle_fd(const struct sftp_handle *h)
{
	return h->dir != NULL ? dirfd(h->dir) : h->fd;
}

void sftp_handle_drop(struct sftp_handle *h)
{
	if (h->used && h->dir != NULL)
		closedir(h->dir);
	else if (h->used)
		close(h->fd);
	*h = (struct sftp_handle){ .fd = -1 };
}

static void tell_handle(struct sftp_request *r, uint32_t number)
{
	sftp_answer(r, SFTP_HANDLE);
	sftp_put_u32(r->out, 4);
	sftp_put_u32(r->out, number);
}

/* ---- opening */

static int open_flags(uint32_t flags)
{
	int how = (flags & SFTP_F_WRITE) == 0 ? O_RDONLY : (flags & SFTP_F_READ) != 0 ? O_RDWR : O_WRONLY;

	return how | ((flags & SFTP_F_APPEND) != 0 ? O_APPEND : 0);
}

/* What is there, if it is a regular file, or a folder that is not written to: clients open one to see what it is, and
 * reading it fails. -1 and ENOENT if nothing is there. */
static int open_there(int parent, const char *name, uint32_t flags)
{
	AUTO_CLOSE int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode) && (flags & (SFTP_F_WRITE | SFTP_F_CREAT | SFTP_F_TRUNC)) == 0)
		return file_path_reopen(fd, O_RDONLY | O_DIRECTORY);
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : S_ISLNK(st.st_mode) ? ELOOP : EINVAL;
		return -1;
	}
	return file_path_reopen(fd, open_flags(flags) | ((flags & SFTP_F_TRUNC) != 0 ? O_TRUNC : 0));
}

static int open_file(int root, const char *path, uint32_t flags, mode_t mode)
{
	bool new = (flags & (SFTP_F_CREAT | SFTP_F_EXCL)) == (SFTP_F_CREAT | SFTP_F_EXCL);
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = new ? file_path_parent(root, path, &name) : file_path_final(root, path, &name);
	int fd = -1;

	if (parent < 0)
		return -1;
	if (!new) {
		fd = open_there(parent, name, flags);
		if (fd >= 0 || errno != ENOENT || (flags & SFTP_F_CREAT) == 0)
			return fd;
	}
	fd = openat(parent, name, open_flags(flags) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 && errno == EEXIST && !new) /* somebody was quicker */
		fd = open_there(parent, name, flags);
	return fd;
}

void sftp_do_open(struct sftp_request *r)
{
	AUTO_FREE char *path = sftp_path(r);
	uint32_t flags = sftp_get_u32(&r->in), number = 0;
	struct sftp_handle *h = unused(r->s, &number);
	struct sftp_attrs attrs;
	int fd;

	sftp_get_attrs(&r->in, &attrs);
	if (r->in.bad)
		return;
	if (h == NULL) {
		errno = EMFILE;
		sftp_result(r, -1);
		return;
	}
	fd = open_file(r->s->root, path, flags, (attrs.flags & SFTP_A_MODE) != 0 ? attrs.mode & 0777 : 0644);
	if (fd < 0) {
		sftp_result(r, -1);
		return;
	}
	*h = (struct sftp_handle){ .used = true, .fd = fd, .append = (flags & SFTP_F_APPEND) != 0 };
	tell_handle(r, number);
}

void sftp_do_opendir(struct sftp_request *r)
{
	AUTO_FREE char *path = sftp_path(r);
	uint32_t number = 0;
	struct sftp_handle *h = unused(r->s, &number);
	AUTO_CLOSE int at = file_path_lookup(r->s->root, path, true);
	int fd = at < 0 || h == NULL || r->in.bad ? -1 : file_path_reopen(at, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		if (h == NULL)
			errno = EMFILE;
		sftp_result(r, -1);
		if (fd >= 0)
			close(fd);
		return;
	}
	*h = (struct sftp_handle){ .used = true, .fd = -1, .dir = dir };
	tell_handle(r, number);
}

void sftp_do_close(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_of(r);

	if (h == NULL)
		return;
	sftp_handle_drop(h);
	sftp_result(r, 0);
}

/* ---- files */

static struct sftp_handle *file_of(struct sftp_request *r)
{
	struct sftp_handle *h = sftp_handle_of(r);

	if (h == NULL || h->dir == NULL)
		return h;
	sftp_status(r, SFTP_FAILURE, "the handle is a folder's");
	return NULL;
}

void sftp_do_read(struct sftp_request *r)
{
	const struct sftp_handle *h = file_of(r);
	uint64_t at = sftp_get_u64(&r->in);
	uint32_t len = sftp_get_u32(&r->in);
	ssize_t n;

	if (h == NULL || r->in.bad)
		return;
	n = pread(h->fd, r->s->buf, len < READ_MAX ? len : READ_MAX, (off_t)at);
	if (n < 0) {
		sftp_result(r, -1);
	} else if (n == 0) {
		sftp_status(r, SFTP_EOF, "end of file");
	} else {
		sftp_answer(r, SFTP_DATA);
		sftp_put_u32(r->out, (uint32_t)n);
		strbuf_add(r->out, r->s->buf, (size_t)n);
	}
}

static int write_at(const struct sftp_handle *h, const char *data, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = h->append ? write(h->fd, data, len) : pwrite(h->fd, data, len, (off_t)at);

		if (n < 0 && errno != EINTR)
			return -1;
		data += n > 0 ? n : 0;
		at += n > 0 ? (uint64_t)n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

void sftp_do_write(struct sftp_request *r)
{
	const struct sftp_handle *h = file_of(r);
	uint64_t at = sftp_get_u64(&r->in);
	size_t len;
	const void *data = sftp_get_bytes(&r->in, &len);

	if (h != NULL && !r->in.bad)
		sftp_result(r, write_at(h, data, len, at));
}

void sftp_do_fstat(struct sftp_request *r)
{
	const struct sftp_handle *h = sftp_handle_of(r);
	struct stat st;

	if (h == NULL)
		return;
	if (fstat(sftp_handle_fd(h), &st) < 0) {
		sftp_result(r, -1);
		return;
	}
	sftp_answer(r, SFTP_ATTRS);
	sftp_put_stat(r->out, &st);
}

void sftp_do_fsetstat(struct sftp_request *r)
{
	const struct sftp_handle *h = sftp_handle_of(r);
	struct sftp_attrs attrs;

	sftp_get_attrs(&r->in, &attrs);
	if (h != NULL && !r->in.bad)
		sftp_result(r, sftp_set(sftp_handle_fd(h), &attrs));
}

/* ---- folders */

static void put_long_name(struct strbuf *out, const char *name, const struct stat *st)
{
	AUTO_STRBUF struct strbuf line = STRBUF_INIT;
	const char *kind = S_ISDIR(st->st_mode) ? "d" : S_ISLNK(st->st_mode) ? "l" : "-";
	char bits[10] = "rwxrwxrwx", when[32] = "?";
	struct tm tm;

	for (int i = 0; i < 9; i++)
		if ((st->st_mode & (0400u >> i)) == 0)
			bits[i] = '-';
	if (gmtime_r(&st->st_mtime, &tm) != NULL)
		strftime(when, sizeof(when), "%b %e %H:%M", &tm);
	strbuf_addf(&line, "%s%s %4ju %-8u %-8u %8jd %s %s", kind, bits, (uintmax_t)st->st_nlink, st->st_uid, st->st_gid,
		    (intmax_t)st->st_size, when, name);
	sftp_put_text(out, line.buf);
}

static bool put_entry(struct strbuf *out, DIR *dir, const char *name)
{
	struct stat st;

	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false; /* gone by now */
	if (strcmp(name, "..") == 0) /* of the root it would be the host's */
		fstatat(dirfd(dir), ".", &st, AT_SYMLINK_NOFOLLOW);
	sftp_put_text(out, name);
	put_long_name(out, name, &st);
	sftp_put_stat(out, &st);
	return true;
}

void sftp_do_readdir(struct sftp_request *r)
{
	const struct sftp_handle *h = sftp_handle_of(r);
	AUTO_STRBUF struct strbuf names = STRBUF_INIT;
	const struct dirent *e = NULL;
	uint32_t n = 0;

	if (h == NULL)
		return;
	if (h->dir == NULL) {
		sftp_status(r, SFTP_FAILURE, "the handle is a file's");
		return;
	}
	errno = 0;
	while (names.len < NAMES_BYTES && (e = readdir(h->dir)) != NULL) {
		n += put_entry(&names, h->dir, e->d_name) ? 1 : 0;
		errno = 0;
	}
	if (n == 0 && errno != 0) {
		sftp_result(r, -1);
	} else if (n == 0) {
		sftp_status(r, SFTP_EOF, "end of folder");
	} else {
		sftp_answer(r, SFTP_NAME);
		sftp_put_u32(r->out, n);
		strbuf_add(r->out, names.buf, names.len);
	}
}
