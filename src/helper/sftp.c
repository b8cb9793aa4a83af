/* SPDX-License-Identifier: MIT */
#include "helper/sftp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "helper/file_link.h"
#include "helper/file_path.h"
#include "helper/sftp_private.h"

static const sftp_fn functions[] = {
	[SFTP_OPEN] = sftp_do_open,	    [SFTP_CLOSE] = sftp_do_close,	[SFTP_READ] = sftp_do_read,
	[SFTP_WRITE] = sftp_do_write,	    [SFTP_LSTAT] = sftp_do_lstat,	[SFTP_FSTAT] = sftp_do_fstat,
	[SFTP_SETSTAT] = sftp_do_setstat,   [SFTP_FSETSTAT] = sftp_do_fsetstat, [SFTP_OPENDIR] = sftp_do_opendir,
	[SFTP_READDIR] = sftp_do_readdir,   [SFTP_REMOVE] = sftp_do_remove,	[SFTP_MKDIR] = sftp_do_mkdir,
	[SFTP_RMDIR] = sftp_do_rmdir,	    [SFTP_REALPATH] = sftp_do_realpath, [SFTP_STAT] = sftp_do_stat,
	[SFTP_RENAME] = sftp_do_rename,	    [SFTP_READLINK] = sftp_do_readlink, [SFTP_SYMLINK] = sftp_do_symlink,
	[SFTP_EXTENDED] = sftp_do_extended,
};

/* ---- answers */

void sftp_answer(struct sftp_request *r, enum sftp_type type)
{
	strbuf_reset(r->out);
	sftp_put_u32(r->out, 0); /* its length, when it is complete */
	strbuf_addch(r->out, (char)type);
	sftp_put_u32(r->out, r->id);
}

void sftp_status(struct sftp_request *r, enum sftp_code code, const char *text)
{
	sftp_answer(r, SFTP_STATUS);
	sftp_put_u32(r->out, code);
	sftp_put_text(r->out, text);
	sftp_put_text(r->out, "");
}

static enum sftp_code code_of(int sys)
{
	if (sys == ENOENT)
		return SFTP_NO_SUCH_FILE;
	return sys == EPERM || sys == EACCES ? SFTP_DENIED : SFTP_FAILURE;
}

void sftp_result(struct sftp_request *r, int rc)
{
	int sys = errno;

	if (rc == 0)
		sftp_status(r, SFTP_OK, "");
	else
		sftp_status(r, code_of(sys), strerror(sys));
}

char *sftp_path(struct sftp_request *r)
{
	AUTO_FREE char *text = sftp_get_text(&r->in);

	return file_path_clean(text);
}

int sftp_set(int fd, const struct sftp_attrs *a)
{
	const struct timespec times[2] = { { .tv_sec = a->atime }, { .tv_sec = a->mtime } };
	char proc[40];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if ((a->flags & SFTP_A_SIZE) != 0 && truncate(proc, (off_t)a->size) < 0)
		return -1;
	if ((a->flags & SFTP_A_OWNER) != 0 && fchownat(fd, "", a->uid, a->gid, AT_EMPTY_PATH) < 0)
		return -1;
	if ((a->flags & SFTP_A_MODE) != 0 && chmod(proc, a->mode & 07777) < 0)
		return -1;
	return (a->flags & SFTP_A_TIME) != 0 ? utimensat(AT_FDCWD, proc, times, 0) : 0;
}

static void finish(struct strbuf *out)
{
	uint32_t len = (uint32_t)(out->len - 4);

	for (int i = 0; i < 4; i++)
		out->buf[i] = (char)(len >> (24 - 8 * i));
}

static void greet(struct strbuf *out)
{
	static const char *const extensions[][2] = {
		{ "posix-rename@openssh.com", "1" }, { "statvfs@openssh.com", "2" }, { "fstatvfs@openssh.com", "2" },
		{ "hardlink@openssh.com", "1" },     { "fsync@openssh.com", "1" },
	};

	strbuf_reset(out);
	sftp_put_u32(out, 0);
	strbuf_addch(out, SFTP_VERSION);
	sftp_put_u32(out, 3);
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		sftp_put_text(out, extensions[i][0]);
		sftp_put_text(out, extensions[i][1]);
	}
}

/* ---- a session */

struct sftp *sftp_new(int root)
{
	struct sftp *s = mem_alloc(sizeof(*s));

	s->root = root;
	s->buf = mem_alloc(SFTP_PACKET_MAX);
	return s;
}

void sftp_free(struct sftp *s)
{
	for (size_t i = 0; i < SFTP_HANDLES_MAX; i++)
		sftp_handle_drop(&s->handle[i]);
	free(s->buf);
	free(s);
}

int sftp_packet(struct sftp *s, const void *data, size_t len, struct strbuf *out, struct error *err)
{
	const unsigned char *p = data;
	struct sftp_request r = { .s = s, .out = out };
	uint8_t type = len > 0 ? p[0] : 0;

	if (len < 5)
		return error_set(err, ERROR_INVALID, "a packet of %zu bytes is too short", len);
	r.in = (struct sftp_in){ .p = p + 1, .left = len - 1 };
	r.id = sftp_get_u32(&r.in);
	if (type == SFTP_INIT) {
		s->begun = true;
		greet(out);
		finish(out);
		return 0;
	}
	if (!s->begun)
		return error_set(err, ERROR_INVALID, "the first packet is of type %u, not 1", type);
	if (type < sizeof(functions) / sizeof(functions[0]) && functions[type] != NULL)
		functions[type](&r);
	else
		sftp_status(&r, SFTP_UNSUPPORTED, "unknown request");
	if (r.in.bad)
		sftp_status(&r, SFTP_BAD_MESSAGE, "the request is cut short, or has a zero byte in a name");
	finish(out);
	return 0;
}

/* ---- the connection */

struct stream {
	const struct file_link *l;
	const struct strbuf *early;
	size_t early_used;
};

/* 1: all of it; 0: the client has left in good order, which it may before a packet. */
static int read_all(struct stream *in, char *buf, size_t len, bool may_end, struct error *err)
{
	size_t have = in->early->len - in->early_used;
	size_t got = have < len ? have : len;

	memcpy(buf, in->early->buf + in->early_used, got);
	in->early_used += got;
	while (got < len) {
		ssize_t n;

		if (file_link_wait(in->l, in->l->fd, POLLIN, err) < 0)
			return -1;
		n = read(in->l->fd, buf + got, len - got);
		if (n == 0)
			return may_end && got == 0 ? 0 : error_set(err, ERROR_CANCELLED, "the client left within a packet");
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return error_sys(err, errno, "cannot read from the client");
		got += n > 0 ? (size_t)n : 0;
	}
	return 1;
}

static int write_all(const struct file_link *l, const struct strbuf *out, struct error *err)
{
	size_t done = 0;

	while (done < out->len) {
		ssize_t n;

		if (file_link_wait(l, l->fd, POLLOUT, err) < 0)
			return -1;
		n = write(l->fd, out->buf + done, out->len - done);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return error_sys(err, errno, "cannot write to the client");
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int serve_one(struct sftp *s, struct stream *in, char *buf, struct strbuf *out, struct error *err)
{
	unsigned char head[4];
	struct sftp_in length = { .p = head, .left = sizeof(head) };
	int rc = read_all(in, (char *)head, sizeof(head), true, err);
	uint32_t len = rc > 0 ? sftp_get_u32(&length) : 0;

	if (rc <= 0)
		return rc;
	if (len > SFTP_PACKET_MAX)
		return error_set(err, ERROR_INVALID, "a packet of %u bytes is too long", len);
	if (read_all(in, buf, len, false, err) < 0 || sftp_packet(s, buf, len, out, err) < 0 || write_all(in->l, out, err) < 0)
		return -1;
	return 1;
}

int sftp_serve(int root, const struct file_link *l, const struct strbuf *early, struct error *err)
{
	struct sftp *s = sftp_new(root);
	struct stream in = { .l = l, .early = early };
	AUTO_FREE char *buf = mem_alloc(SFTP_PACKET_MAX);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	int rc = 1;

	while (rc > 0)
		rc = serve_one(s, &in, buf, &out, err);
	sftp_free(s);
	return rc;
}
