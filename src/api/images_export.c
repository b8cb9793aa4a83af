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
#include "base/packing.h"
#include "image/store.h"

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
	name = mem_printf("%s%s", fingerprint, packing_suffix(packing_of_file(fd)));
	reply_file(r, fd, name);
}

/* ---- split images: straight from both files, so that whoever asks costs no room on the disk */

/* The first one has a prefix. */
static char *head_of(const char *boundary, const char *name, const char *prefix, const char *fingerprint, int fd)
{
	return mem_printf("%s--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s%s%s\"\r\n"
			  "Content-Type: application/octet-stream\r\n\r\n",
			  *prefix ? "" : "\r\n", boundary, name, prefix, fingerprint, packing_suffix(packing_of_file(fd)));
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
