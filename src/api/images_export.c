/* SPDX-License-Identifier: MIT */
/* GET /1.0/images/FP/export: the file as it was uploaded; a split image as multipart/form-data. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/images.h"
#include "base/ident.h"
#include "base/mem.h"
#include "image/store.h"

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

/* ---- split images: straight from both files, so that whoever asks costs no room on the disk */

/* The first one has a prefix. */
static char *head_of(const char *boundary, const char *name, const char *prefix, const char *fingerprint, int fd)
{
	return mem_printf("%s--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s%s%s\"\r\n"
			  "Content-Type: application/octet-stream\r\n\r\n",
			  *prefix ? "" : "\r\n", boundary, name, prefix, fingerprint, suffix_of(fd));
}

static void export_split(struct request *r, const char *fingerprint, const char *metadata, const char *rootfs)
{
	struct reply_part parts[REPLY_PARTS_MAX] = { 0 };
	char boundary[33];

	parts[1].fd = open_file(r, metadata);
	if (parts[1].fd < 0)
		return;
	parts[3].fd = open_file(r, rootfs);
	if (parts[3].fd < 0) {
		close(parts[1].fd);
		return;
	}
	ident_random_hex(boundary, 16);
	parts[0].text = head_of(boundary, "metadata", "meta-", fingerprint, parts[1].fd);
	parts[2].text = head_of(boundary, "rootfs", "", fingerprint, parts[3].fd);
	parts[4].text = mem_printf("\r\n--%s--\r\n", boundary);
	reply_multipart(r, parts, REPLY_PARTS_MAX, boundary);
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
