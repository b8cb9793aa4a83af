/* SPDX-License-Identifier: MIT */
#include "helper/passwd_set.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum {
	FILE_MAX_LEN = 4 << 20,
	LOCK_TRIES = 150, /* of 0.1 s: lckpwdf's 15 s */
	STALE_TRIES = 50, /* nobody writes a file of a few KB for 5 s while we hold the lock */
	DAY_S = 86400,
};

static void nap(void)
{
	const struct timespec tenth = { .tv_nsec = 100 * 1000 * 1000 };

	nanosleep(&tenth, NULL);
}

/* ---- files */

/* Neither a link, nor what would block or do something when it is opened. 0: not there, or -1. */
static int open_plain(int etc, const char *name, int flags, struct stat *st, bool *ret_missing, struct error *err)
{
	int fd;

	*ret_missing = false;
	if (fstatat(etc, name, st, AT_SYMLINK_NOFOLLOW) < 0) {
		*ret_missing = errno == ENOENT;
		return *ret_missing ? -1 : error_sys(err, errno, "cannot look at its etc/%s", name);
	}
	if (!S_ISREG(st->st_mode))
		return error_set(err, ERROR_INVALID, "its etc/%s is not a regular file", name);
	fd = openat(etc, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open its etc/%s", name);
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return error_set(err, ERROR_INVALID, "its etc/%s is not a regular file", name);
}

static int read_all(int fd, const char *name, struct strbuf *out, struct error *err)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read its etc/%s", name);
		if (out->len + (size_t)n > FILE_MAX_LEN)
			return error_set(err, ERROR_TOO_LARGE, "its etc/%s is larger than %d MiB", name, FILE_MAX_LEN >> 20);
		strbuf_add(out, buf, (size_t)n);
	}
	if (memchr(out->buf, 0, out->len) != NULL)
		return error_set(err, ERROR_INVALID, "its etc/%s has NUL bytes in it", name);
	return 0;
}

static int read_plain(int etc, const char *name, struct strbuf *out, struct stat *st, bool *ret_missing, struct error *err)
{
	AUTO_CLOSE int fd = open_plain(etc, name, O_RDONLY, st, ret_missing, err);

	return fd < 0 ? -1 : read_all(fd, name, out, err);
}

/* The temporary file of shadow's tools and of busybox, which takes it for a lock. */
static int make_new(int etc, const char *tmp, struct error *err)
{
	int fd;

	for (int i = 0;; i++) {
		fd = openat(etc, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST || i > STALE_TRIES)
			return error_sys(err, errno, "cannot make its etc/%s", tmp);
		if (i == STALE_TRIES)
			(void)unlinkat(etc, tmp, 0);
		else
			nap();
	}
}

/* With the owner and mode that st says. */
static int replace(int etc, const char *name, const struct strbuf *text, const struct stat *st, struct error *err)
{
	AUTO_FREE char *tmp = mem_printf("%s+", name);
	AUTO_CLOSE int fd = make_new(etc, tmp, err);

	if (fd < 0)
		return -1;
	if (fs_write_all(fd, text->buf, text->len) == 0 && fchown(fd, st->st_uid, st->st_gid) == 0 && fchmod(fd, st->st_mode & 07777) == 0 &&
	    fsync(fd) == 0 && renameat(etc, tmp, etc, name) == 0) {
		(void)fsync(etc);
		return 0;
	}
	error_sys(err, errno, "cannot write its etc/%s", name);
	(void)unlinkat(etc, tmp, 0);
	return -1;
}

static int make_lock(int etc, const struct stat *owner, struct error *err)
{
	int fd = openat(etc, ".pwd.lock", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && fchown(fd, owner->st_uid, owner->st_gid) == 0)
		return fd;
	error_sys(err, errno, "cannot make its etc/.pwd.lock");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* As lckpwdf(3); the lock goes with the descriptor. */
static int lock(int etc, const struct stat *owner, struct error *err)
{
	struct flock region = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	bool missing;
	int fd = open_plain(etc, ".pwd.lock", O_WRONLY, &st, &missing, err);

	if (fd < 0 && missing)
		fd = make_lock(etc, owner, err);
	if (fd < 0)
		return -1;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(fd, F_SETLK, &region) == 0)
			return fd;
		if (errno != EACCES && errno != EAGAIN && errno != EINTR)
			break;
		nap();
	}
	error_set(err, ERROR_CONFLICT, "its etc/.pwd.lock is locked: another program changes passwords");
	close(fd);
	return -1;
}

/* ---- lines: "user:field:…" */

/* The user's line, without its end; NULL when there is none. */
static const char *find_line(const struct strbuf *text, const char *user, size_t *ret_len)
{
	size_t n = strlen(user);
	const char *p = text->buf;

	while (*p != '\0') {
		*ret_len = strcspn(p, "\n");
		if (*ret_len > n && strncmp(p, user, n) == 0 && p[n] == ':')
			return p;
		p += *ret_len + (p[*ret_len] == '\n');
	}
	return NULL;
}

/* Behind the nth colon of a line; NULL when it has fewer. */
static const char *behind(const char *line, size_t len, int nth)
{
	const char *end = line + len;

	for (; nth > 0 && line != NULL; nth--) {
		line = memchr(line, ':', (size_t)(end - line));
		line = line != NULL ? line + 1 : NULL;
	}
	return line;
}

static bool field_is(const char *line, size_t len, const char *value)
{
	const char *field = behind(line, len, 1);
	size_t n = strlen(value);

	return field != NULL && (size_t)(line + len - field) >= n && strncmp(field, value, n) == 0 &&
	       (field + n == line + len || field[n] == ':');
}

/* Puts new_line where the line is, or at the end. */
static void put_line(struct strbuf *text, const char *line, size_t len, const char *new_line)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	if (line != NULL) {
		strbuf_add(&out, text->buf, (size_t)(line - text->buf));
		strbuf_addstr(&out, new_line);
		strbuf_addstr(&out, line + len);
	} else {
		strbuf_addstr(&out, text->buf);
		if (out.len > 0 && out.buf[out.len - 1] != '\n')
			strbuf_addch(&out, '\n');
		strbuf_addf(&out, "%s\n", new_line);
	}
	strbuf_reset(text);
	strbuf_add(text, out.buf, out.len);
}

/* The day of the change; what the line says of expiry stays. */
static char *shadow_line(const char *user, const char *hash, const char *line, size_t len)
{
	const char *rest = line != NULL ? behind(line, len, 3) : NULL;
	long days = (long)(time(NULL) / DAY_S);

	if (rest == NULL)
		return mem_printf("%s:%s:%ld:0:99999:7:::", user, hash, days);
	return mem_printf("%s:%s:%ld:%.*s", user, hash, days, (int)(line + len - rest), rest);
}

static int put_passwd(int etc, struct strbuf *passwd, const struct stat *st, const char *user, const char *field,
		      struct error *err)
{
	size_t len = 0;
	const char *line = find_line(passwd, user, &len);
	const char *rest = behind(line, len, 2);
	AUTO_FREE char *new_line = mem_printf("%s:%s:%.*s", user, field, (int)(line + len - rest), rest);

	put_line(passwd, line, len, new_line);
	return replace(etc, "passwd", passwd, st, err);
}

/* ---- the password */

static int make_hash(const char *password, struct crypt_data *data, struct error *err)
{
	static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	unsigned char bytes[16];
	char setting[4 + sizeof(bytes)] = "$6$"; /* sha512: everybody knows it, musl and busybox too */
	const char *hash;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_sys(err, errno, "no random numbers");
	for (size_t i = 0; i < sizeof(bytes); i++)
		setting[3 + i] = alphabet[bytes[i] & 63];
	setting[3 + sizeof(bytes)] = '\0';
	hash = crypt_r(password, setting, data);
	if (hash == NULL || strncmp(hash, "$6$", 3) != 0)
		return error_set(err, ERROR_SYSTEM, "crypt(3) does not know sha512");
	return 0;
}

static int put(int etc, const char *user, const char *hash, struct error *err)
{
	AUTO_STRBUF struct strbuf passwd = STRBUF_INIT;
	AUTO_STRBUF struct strbuf shadow = STRBUF_INIT;
	AUTO_FREE char *new_line = NULL;
	struct stat st, shadow_st;
	size_t len = 0, shadow_len = 0;
	const char *line, *shadow_entry;
	bool missing, no_shadow;

	if (read_plain(etc, "passwd", &passwd, &st, &missing, err) < 0)
		return missing ? error_set(err, ERROR_NOT_FOUND, "it has no etc/passwd") : -1;
	line = find_line(&passwd, user, &len);
	if (line == NULL)
		return error_set(err, ERROR_NOT_FOUND, "it has no user '%s'", user);
	if (behind(line, len, 2) == NULL)
		return error_set(err, ERROR_INVALID, "the line of '%s' in its etc/passwd is broken", user);
	if (read_plain(etc, "shadow", &shadow, &shadow_st, &no_shadow, err) < 0) {
		if (!no_shadow)
			return -1;
		shadow_st = st;
		shadow_st.st_mode = 0600;
	}
	shadow_entry = find_line(&shadow, user, &shadow_len);
	if (shadow_entry == NULL && !field_is(line, len, "x"))
		return put_passwd(etc, &passwd, &st, user, hash, err);
	new_line = shadow_line(user, hash, shadow_entry, shadow_len);
	put_line(&shadow, shadow_entry, shadow_len, new_line);
	if (replace(etc, "shadow", &shadow, &shadow_st, err) < 0)
		return -1;
	/* "root::0:" beside a line in etc/shadow would let everybody in */
	return field_is(line, len, "x") ? 0 : put_passwd(etc, &passwd, &st, user, "x", err);
}

int passwd_set(int rootfd, const char *user, const char *password, struct error *err)
{
	AUTO_CLOSE int etc = fs_open_in_root(rootfd, "etc", O_RDONLY | O_DIRECTORY, 0, err);
	AUTO_CLOSE int locked = -1;
	struct crypt_data data = { 0 };
	struct stat st;
	int rc = -1;

	if (etc < 0 && err->sys == ENOENT) {
		error_clear(err);
		return error_set(err, ERROR_NOT_FOUND, "it has no etc/passwd");
	}
	if (etc < 0)
		return -1;
	if (fstat(etc, &st) < 0)
		return error_sys(err, errno, "cannot read its etc");
	locked = lock(etc, &st, err);
	if (locked >= 0 && make_hash(password, &data, err) == 0)
		rc = put(etc, user, data.output, err);
	explicit_bzero(&data, sizeof(data));
	return rc;
}
