/* SPDX-License-Identifier: MIT */
/* GET /1.0/images/FP/export: the file as it was uploaded; a split image as multipart/form-data. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/images.h"
#include "base/ident.h"
#include "base/mem.h"
#include "image/store.h"
#include "model/settings.h"

/* The suffix clients put behind the name, by what the file is (LXD: shared/archive.go). */
static const char *suffix_of(int fd)
{
	static const struct {
		const char *suffix, *magic;
		size_t len;
	} kinds[] = { { ".tar.gz", "\x1f\x8b", 2 }, { ".tar.xz", "\xfd" "7zXZ", 5 },
		      { ".tar.zst", "\x28\xb5\x2f\xfd", 4 }, { ".squashfs", "hsqs", 4 },
		      { ".tar.bz2", "BZh", 3 },		  { ".tar.lzma", "\x5d\0\0", 3 } };
	char head[8] = "";
	size_t i;

	if (pread(fd, head, sizeof(head), 0) > 0) {
		for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (memcmp(head, kinds[i].magic, kinds[i].len) == 0)
				return kinds[i].suffix;
		}
	}
	return ".tar";
}

static int open_file(struct request *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		reply_errorf(r, ERROR_SYSTEM, "cannot open the image's file: %s", strerror(errno));
	return fd;
}

static void export_one(struct request *r, const char *fingerprint, const char *path)
{
	AUTO_FREE char *name = NULL;
	int fd = open_file(r, path);

	if (fd < 0)
		return;
	name = mem_printf("%s%s", fingerprint, suffix_of(fd));
	reply_file(r, fd, name);
}

/* ---- split images: both files are put into one nameless file by a thread, and that is sent */

struct joining {
	uv_work_t work;
	struct request *r; /* NULL: the client left */
	int in[2], out;
	char *head[2]; /* what stands before each file */
	char boundary[33];
	struct error err;
};

static int write_text(int fd, const char *text, struct error *err)
{
	size_t len = strlen(text);

	return write(fd, text, len) == (ssize_t)len ? 0
						    : error_sys(err, errno, "cannot put the image together");
}

static int copy_file(int in, int out, struct error *err)
{
	ssize_t n;

	do {
		n = sendfile(out, in, NULL, 16 * 1024 * 1024);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? error_sys(err, errno, "cannot put the image together") : 0;
}

static void join_cb(uv_work_t *work)
{
	struct joining *j = work->data;
	AUTO_FREE char *tail = mem_printf("\r\n--%s--\r\n", j->boundary);
	int i;

	for (i = 0; i < 2; i++) {
		if (write_text(j->out, j->head[i], &j->err) || copy_file(j->in[i], j->out, &j->err))
			return;
	}
	write_text(j->out, tail, &j->err);
}

static void joining_free(struct joining *j)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (j->in[i] >= 0)
			close(j->in[i]);
		free(j->head[i]);
	}
	if (j->out >= 0)
		close(j->out);
	free(j);
}

static void joined_cb(uv_work_t *work, int status)
{
	struct joining *j = work->data;

	if (j->r) {
		request_on_gone(j->r, NULL);
		if (status || j->err.code) {
			reply_error(j->r, &j->err);
		} else {
			lseek(j->out, 0, SEEK_SET);
			reply_multipart(j->r, j->out, j->boundary);
			j->out = -1;
		}
	}
	joining_free(j);
}

static void left_cb(struct request *r)
{
	struct joining *j = request_data(r);

	j->r = NULL;
}

static void make_heads(struct joining *j, const char *fingerprint)
{
	j->head[0] =
	    mem_printf("--%s\r\nContent-Disposition: form-data; name=\"metadata\"; filename=\"meta-%s%s\"\r\n"
		       "Content-Type: application/octet-stream\r\n\r\n",
		       j->boundary, fingerprint, suffix_of(j->in[0]));
	j->head[1] =
	    mem_printf("\r\n--%s\r\nContent-Disposition: form-data; name=\"rootfs\"; filename=\"%s%s\"\r\n"
		       "Content-Type: application/octet-stream\r\n\r\n",
		       j->boundary, fingerprint, suffix_of(j->in[1]));
}

static void export_split(struct request *r, const char *fingerprint, const char *metadata, const char *rootfs)
{
	const struct berthd *b = request_berthd(r);
	struct joining *j = mem_alloc(sizeof(*j));

	j->out = -1;
	j->in[1] = -1;
	j->in[0] = open_file(r, metadata);
	if (j->in[0] >= 0)
		j->in[1] = open_file(r, rootfs);
	if (j->in[1] < 0) {
		joining_free(j);
		return;
	}
	j->out = open(b->settings->images_path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ident_random_hex(j->boundary, 16);
	make_heads(j, fingerprint);
	j->work.data = j;
	if (j->out < 0 || uv_queue_work(b->loop, &j->work, join_cb, joined_cb)) {
		reply_errorf(r, ERROR_SYSTEM, "cannot put the image together: %s", strerror(errno));
		joining_free(j);
		return;
	}
	j->r = r;
	request_set_data(r, j);
	request_on_gone(r, left_cb);
}

void image_export_get(struct request *r)
{
	const struct image_store *s = request_berthd(r)->images;
	const char *fingerprint = image_of_request(r);
	AUTO_FREE char *first = NULL, *second = NULL;

	if (!fingerprint)
		return;
	first = image_file(s, fingerprint, 0);
	second = image_file(s, fingerprint, 1);
	if (!first)
		reply_errorf(r, ERROR_NOT_FOUND, "the image's file is not there");
	else if (second)
		export_split(r, fingerprint, first, second);
	else
		export_one(r, fingerprint, first);
}
