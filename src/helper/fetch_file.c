/* SPDX-License-Identifier: MIT */
#include "helper/fetch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/multipart.h"

enum { WHOLE, METADATA, ROOTFS, FILES };

#define PROGRESS_NS 200000000ll
#define LOOK_EVERY (16ull << 20)

struct download {
	const struct fetch_files *files;
	int at;                      /* the file that arrives */
	unsigned parts;              /* of a multipart body that began */
	struct multipart *multipart;
	struct digest *digest;
	uint64_t done, total, look_at;
	int64_t shown_ns;
};

int fetch_files_open(struct fetch_files *f, const char *dir, struct error *err)
{
	static const char *const names[FILES] = { "image", "image.metadata", "image.rootfs" };

	for (int i = 0; i < FILES; i++) {
		AUTO_FREE char *path = fs_join(dir, names[i]);

		f->fd[i] = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f->fd[i] < 0)
			return error_sys(err, errno, "cannot make '%s'", path);
	}
	return 0;
}

static void show(struct download *d)
{
	struct timespec ts;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	if (now - d->shown_ns < PROGRESS_NS)
		return;
	d->shown_ns = now;
	printf("progress %llu %llu\n", (unsigned long long)d->done, (unsigned long long)d->total);
	fflush(stdout);
}

static int check_space(struct download *d, struct error *err)
{
	struct statvfs st;

	if (d->done > d->files->max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the image is larger than image_max_bytes (%llu)",
				 (unsigned long long)d->files->max_bytes);
	if (d->done < d->look_at)
		return 0;
	d->look_at = d->done + LOOK_EVERY;
	if (fstatvfs(d->files->fd[WHOLE], &st))
		return error_sys(err, errno, "cannot examine the disk");
	if (fs_is_full(&st))
		return error_sys(err, ENOSPC, "cannot store the image");
	return 0;
}

static int store(void *data, const void *bytes, size_t len, struct error *err)
{
	struct download *d = data;
	const char *p = bytes;
	ssize_t n;

	d->done += len;
	if (check_space(d, err) < 0)
		return -1;
	digest_update(d->digest, bytes, len);
	for (; len > 0; len -= (size_t)n, p += n) {
		n = write(d->files->fd[d->at], p, len);
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot store the image");
		n = n < 0 ? 0 : n;
	}
	show(d);
	return 0;
}

/* Of a multipart body: metadata, then rootfs. */
static int part(void *data, const char *name, const char *filename, struct error *err)
{
	struct download *d = data;

	d->at = strcmp(name, "metadata") == 0 && d->parts == 0 ? METADATA :
		strcmp(name, "rootfs") == 0 && d->parts == 1   ? ROOTFS :
								 -1;
	if (d->at < 0)
		return error_set(err, ERROR_INVALID, "unexpected part '%.64s': a split image is 'metadata', then 'rootfs'", name);
	d->parts++;
	return 0;
}

static const struct multipart_handler parts_handler = { part, store };

static int start(void *data, const char *content_type, int64_t length, struct error *err)
{
	struct download *d = data;

	if (length > 0 && (uint64_t)length > d->files->max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the image is larger than image_max_bytes (%llu)",
				 (unsigned long long)d->files->max_bytes);
	d->total += length > 0 ? (uint64_t)length : 0;
	if (d->at != WHOLE || !multipart_is(content_type))
		return 0;
	d->multipart = multipart_new(content_type, &parts_handler, d, err);
	return d->multipart != NULL ? 0 : -1;
}

static int bytes_cb(void *data, const void *bytes, size_t len, struct error *err)
{
	struct download *d = data;

	return d->multipart != NULL ? multipart_feed(d->multipart, bytes, len, err) : store(d, bytes, len, err);
}

static int one(struct http *h, struct download *d, const cJSON *file, struct error *err)
{
	const struct http_sink sink = { start, bytes_cb, d };
	const char *wanted = json_str_or(file, "sha256", "");
	char sum[SHA256_TEXT_SIZE];
	int rc;

	d->digest = digest_new();
	rc = http_get(h, json_str_or(file, "url", ""), &sink, err);
	digest_finish(d->digest, sum);
	d->digest = NULL;
	if (rc < 0)
		return -1;
	if (d->multipart != NULL && (multipart_finish(d->multipart, err) < 0))
		return -1;
	if (d->multipart != NULL && d->parts != 2)
		return error_set(err, ERROR_INVALID, "a split image needs the parts 'metadata' and 'rootfs'");
	if (*wanted && strcmp(wanted, sum) != 0)
		return error_set(err, ERROR_INVALID, "what came is damaged: its SHA-256 is %s, not %.64s", sum, wanted);
	return 0;
}

int fetch_download(struct http *h, const struct fetch_files *f, const cJSON *files, struct error *err)
{
	struct download d = { .files = f };
	int n = cJSON_GetArraySize(files), i, rc = 0;

	if (n != 1 && n != 2)
		return error_set(err, ERROR_INVALID, "an image has one file or two");
	for (i = 0; rc == 0 && i < n; i++) {
		d.at = n == 1 ? WHOLE : METADATA + i;
		rc = one(h, &d, cJSON_GetArrayItem(files, i), err);
	}
	multipart_free(d.multipart);
	return rc;
}
