/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_shift.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "helper/rootfs_copy_file.h"

#define CAPS "security.capability"
/* The mode and the capabilities of a file that is about to lose them by a change of owner. */
#define NOTE "trusted.berth.shift"

enum { CAPS_MAX = 24, ACL_MAX = 65536 };

struct note {
	uint32_t mode;
	uint8_t caps[CAPS_MAX];
};

static bool in_range(const struct idmap *map, uint32_t id)
{
	return id >= map->from && id - map->from < map->size;
}

static uint32_t shifted(const struct idmap *map, uint32_t id)
{
	return in_range(map, id) ? id - map->from + map->base : id;
}

/* Ids of the new map already, or the host's: none of our business. */
static int shift_acl(const char *path, const char *name, const struct idmap *map)
{
	static uint8_t value[ACL_MAX];
	ssize_t len = lgetxattr(path, name, value, sizeof(value));

	if (len < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : -1;
	if (copy_shift_acl(value, (size_t)len, map) < 0)
		return errno == EOVERFLOW ? 0 : -1;
	return lsetxattr(path, name, value, (size_t)len, 0);
}

static ssize_t take_note(const char *path, const struct stat *st, struct note *note)
{
	ssize_t caps = lgetxattr(path, CAPS, note->caps, sizeof(note->caps));

	if (caps < 0 && errno != ENODATA && errno != ENOTSUP)
		return -1;
	caps = caps < 0 ? 0 : caps;
	note->mode = st->st_mode & 07777;
	if (caps == 0 && (note->mode & (S_ISUID | S_ISGID)) == 0)
		return 0;
	caps += (ssize_t)offsetof(struct note, caps);
	return lsetxattr(path, NOTE, note, (size_t)caps, 0) < 0 ? -1 : caps;
}

static int give_back(const char *path, const struct note *note, size_t len, const struct idmap *map)
{
	uint8_t caps[CAPS_MAX];
	ssize_t n = 0;

	if (chmod(path, note->mode & 07777) < 0)
		return -1;
	if (len > offsetof(struct note, caps)) {
		n = copy_shift_caps(note->caps, len - offsetof(struct note, caps), map, caps);
		if (n < 0 && errno != EOVERFLOW)
			return -1;
		if (n < 0 ? lsetxattr(path, CAPS, note->caps, len - offsetof(struct note, caps), 0) < 0 :
			    lsetxattr(path, CAPS, caps, (size_t)n, 0) < 0)
			return -1;
	}
	return lremovexattr(path, NOTE);
}

static int shift_regular(const char *path, const struct stat *st, const struct idmap *map)
{
	struct note note = { 0 };
	ssize_t len = lgetxattr(path, NOTE, &note, sizeof(note)); /* of a run that was cut short */

	if (len < 0 && errno != ENODATA && errno != ENOTSUP)
		return -1;
	if (len < (ssize_t)offsetof(struct note, caps))
		len = take_note(path, st, &note);
	if (len < 0 || lchown(path, shifted(map, st->st_uid), shifted(map, st->st_gid)) < 0)
		return -1;
	return len > 0 ? give_back(path, &note, (size_t)len, map) : 0;
}

/* Whiteouts of the overlay are devices of nobody's; links have no mode. */
static int shift_one(const char *path, const struct stat *st, const struct idmap *map)
{
	bool owner = in_range(map, st->st_uid) || in_range(map, st->st_gid);

	if (!S_ISLNK(st->st_mode) && shift_acl(path, "system.posix_acl_access", map) < 0)
		return -1;
	if (S_ISDIR(st->st_mode) && shift_acl(path, "system.posix_acl_default", map) < 0)
		return -1;
	if (S_ISREG(st->st_mode) && (owner || lgetxattr(path, NOTE, NULL, 0) > 0))
		return shift_regular(path, st, map);
	if (!owner)
		return 0;
	if (lchown(path, shifted(map, st->st_uid), shifted(map, st->st_gid)) < 0)
		return -1;
	return S_ISDIR(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID)) != 0 ? chmod(path, st->st_mode & 07777) : 0;
}

static int walk(FTS *fts, const struct idmap *map, struct error *err)
{
	FTSENT *e;

	while (errno = 0, (e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_DP)
			continue;
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			return error_sys(err, e->fts_errno, "cannot read '%s'", e->fts_path);
		if (shift_one(e->fts_accpath, e->fts_statp, map) < 0)
			return error_sys(err, errno, "cannot change the owner of '%s'", e->fts_path);
	}
	return errno != 0 ? error_sys(err, errno, "cannot read the tree") : 0;
}

static bool overlap(const struct idmap *map)
{
	return (uint64_t)map->base < (uint64_t)map->from + map->size && (uint64_t)map->from < (uint64_t)map->base + map->size;
}

int rootfs_shift(const char *tree, const struct idmap *from, const struct idmap *to, struct error *err)
{
	const struct idmap map = idmap_between(from, to);
	char *const roots[] = { (char *)tree, NULL };
	AUTO_CLOSE int fd = open(tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	FTS *fts;
	int rc;

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", tree);
	if (map.size == 0 || overlap(&map))
		return error_set(err, ERROR_INVALID, "the id maps %u and %u overlap: %u ids", map.from, map.base, map.size);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
	if (fts == NULL)
		return error_sys(err, errno, "cannot read '%s'", tree);
	rc = walk(fts, &map, err);
	(void)fts_close(fts);
	return rc == 0 && syncfs(fd) < 0 ? error_sys(err, errno, "cannot write '%s'", tree) : rc;
}
