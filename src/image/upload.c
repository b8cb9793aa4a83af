/* SPDX-License-Identifier: MIT */
/* An archive as it arrives: straight into .staging/UUID/, hashed on the way. */
#include "image/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "image/store_private.h"
#include "model/settings.h"

/* How full the disk is, is looked at every so often. */
enum { LOOK_EVERY = 16 * 1024 * 1024, CHUNK = 256 * 1024 };

static const struct {
	const char *part, *file;
} parts[] = { { "unified", "image" }, { "metadata", "image.metadata" }, { "rootfs", "image.rootfs" } };

static int check_space(struct image_upload *u, struct error *err)
{
	struct statvfs st;

	if (u->total < u->look_at)
		return 0;
	u->look_at = u->total + LOOK_EVERY;
	if (statvfs(u->dir, &st))
		return error_sys(err, errno, "cannot examine '%s'", u->dir);
	if (fs_is_full(&st))
		return error_sys(err, ENOSPC, "cannot store the image in '%s'", u->store->dir);
	return 0;
}

struct image_upload *image_upload_new(struct image_store *s, struct error *err)
{
	struct image_upload *u = mem_alloc(sizeof(*u));

	u->store = s;
	u->fd = -1;
	ident_uuid(u->uuid);
	u->dir = store_staging(s, u->uuid, NULL);
	u->digest = digest_new();
	if (mkdir(u->dir, 0700)) {
		error_sys(err, errno, "cannot make '%s'", u->dir);
	} else if (check_space(u, err) == 0) {
		return u;
	}
	image_upload_abort(u);
	return NULL;
}

int image_upload_part(struct image_upload *u, const char *part)
{
	AUTO_FREE char *path = NULL;
	size_t i;

	for (i = 0; i < 3 && strcmp(part, parts[i].part); i++)
		;
	/* "unified" alone, or "metadata" and then "rootfs": that is the order of the fingerprint too */
	if (i == 3 || u->parts != (i == 2 ? 2u : 0u))
		return -1;
	if (u->fd >= 0)
		close(u->fd);
	path = fs_join(u->dir, parts[i].file);
	u->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	u->parts |= 1u << i;
	return u->fd < 0 ? -1 : 0;
}

int image_upload_write(struct image_upload *u, const void *data, size_t len, struct error *err)
{
	const char *p = data;
	ssize_t n;

	if (u->fd < 0)
		return error_set(err, ERROR_INVALID, "the upload has no such part");
	u->total += len;
	if (u->total > (uint64_t)u->store->b->settings->image_max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the image is larger than image_max_bytes (%lld)",
				 (long long)u->store->b->settings->image_max_bytes);
	if (check_space(u, err))
		return -1;
	digest_update(u->digest, data, len);
	while (len) {
		n = write(u->fd, p, len);
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot store the image");
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

const char *image_upload_dir(const struct image_upload *u)
{
	return u->dir;
}

static int hash_file(struct image_upload *u, int fd, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK);
	ssize_t n;

	while ((n = read(fd, buf, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read the image");
		digest_update(u->digest, buf, (size_t)n);
		u->total += (uint64_t)n;
	}
	return 0;
}

int image_upload_seal(struct image_upload *u, struct error *err)
{
	uint64_t before;
	size_t i;

	for (i = 0; i < 3; i++) {
		AUTO_FREE char *path = fs_join(u->dir, parts[i].file);
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || fsync(fd))
			return error_sys(err, errno, "cannot read '%s'", path);
		before = u->total;
		if (hash_file(u, fd, err))
			return -1;
		if (u->total > before)
			u->parts |= 1u << i;
		else if (unlink(path))
			return error_sys(err, errno, "cannot remove '%s'", path);
	}
	if (u->total > (uint64_t)u->store->b->settings->image_max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the image is larger than image_max_bytes (%lld)",
				 (long long)u->store->b->settings->image_max_bytes);
	return 0;
}

void image_upload_free(struct image_upload *u)
{
	if (u->fd >= 0)
		close(u->fd);
	digest_drop(u->digest);
	free(u->dir);
	free(u);
}

void image_upload_abort(struct image_upload *u)
{
	struct error err = ERROR_INIT;

	if (!u)
		return;
	/* a few files at most: nothing was unpacked yet */
	(void)fs_remove_tree(u->dir, &err);
	image_upload_free(u);
}
