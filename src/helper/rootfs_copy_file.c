/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_copy_file.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "helper/rootfs_sys.h"

static uint32_t get_le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static void put_le32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

/* copy_file_range() keeps the data in the kernel; it does not work between all file systems. */
static int copy_range(int src, int dst, off_t start, off_t end)
{
	static char buf[1 << 17];
	off_t in = start, out = start;
	ssize_t n = 0;

	while (in < end) {
		n = copy_file_range(src, &in, dst, &out, (size_t)(end - in), 0);
		if (n <= 0)
			break;
	}
	while (in < end) {
		n = pread(src, buf, (size_t)(end - in) < sizeof(buf) ? (size_t)(end - in) : sizeof(buf), in);
		if (n <= 0)
			break;
		if (pwrite(dst, buf, (size_t)n, in) != n)
			return -1;
		in += n;
	}
	return n < 0 ? -1 : 0;
}

int copy_data(int src, int dst, off_t size)
{
	off_t start = 0, end;

	if (size == 0 || ioctl(dst, FICLONE, src) == 0)
		return 0;
	if (ftruncate(dst, size) < 0)
		return -1;
	while (start < size) {
		start = lseek(src, start, SEEK_DATA);
		if (start < 0)
			return errno == ENXIO ? 0 : -1; /* a hole to the end */
		end = lseek(src, start, SEEK_HOLE);
		if (end < 0 || end > size)
			end = size;
		if (copy_range(src, dst, start, end) < 0)
			return -1;
		start = end;
	}
	return 0;
}

ssize_t copy_shift_caps(const uint8_t *value, size_t len, const struct idmap *map, uint8_t *out)
{
	uint32_t magic, root = 0;

	if (len != XATTR_CAPS_SZ_2 && len != XATTR_CAPS_SZ_3) {
		errno = EINVAL;
		return -1;
	}
	magic = get_le32(value);
	if (len == XATTR_CAPS_SZ_3)
		root = get_le32(value + XATTR_CAPS_SZ_2);
	if (idmap_shift(map, root, &root)) {
		errno = EOVERFLOW;
		return -1;
	}
	memcpy(out, value, XATTR_CAPS_SZ_2);
	if (root == 0) {
		put_le32(out, VFS_CAP_REVISION_2 | (magic & VFS_CAP_FLAGS_MASK));
		return XATTR_CAPS_SZ_2;
	}
	put_le32(out, VFS_CAP_REVISION_3 | (magic & VFS_CAP_FLAGS_MASK));
	put_le32(out + XATTR_CAPS_SZ_2, root);
	return XATTR_CAPS_SZ_3;
}

int copy_shift_acl(uint8_t *value, size_t len, const struct idmap *map)
{
	const size_t head = sizeof(struct posix_acl_xattr_header), entry = sizeof(struct posix_acl_xattr_entry);
	uint32_t id;
	uint16_t tag;

	if (len < head || (len - head) % entry || get_le32(value) != POSIX_ACL_XATTR_VERSION) {
		errno = EINVAL;
		return -1;
	}
	for (uint8_t *e = value + head; e < value + len; e += entry) {
		memcpy(&tag, e, sizeof(tag));
		tag = le16toh(tag);
		if (tag != ACL_USER && tag != ACL_GROUP)
			continue;
		if (idmap_shift(map, get_le32(e + 4), &id)) {
			errno = EOVERFLOW;
			return -1;
		}
		put_le32(e + 4, id);
	}
	return 0;
}

static int copy_xattr(int src, int dst, const char *name, const struct idmap *map)
{
	static uint8_t value[XATTR_SIZE_MAX];
	uint8_t caps[XATTR_CAPS_SZ_3];
	ssize_t len = fgetxattr(src, name, value, sizeof(value));

	if (len < 0)
		return errno == ENODATA ? 0 : -1;
	if (!strcmp(name, XATTR_NAME_CAPS)) {
		len = copy_shift_caps(value, (size_t)len, map, caps);
		return len < 0 ? -1 : fsetxattr(dst, name, caps, (size_t)len, 0);
	}
	if (!strncmp(name, "system.posix_acl_", 17) && copy_shift_acl(value, (size_t)len, map))
		return -1;
	return fsetxattr(dst, name, value, (size_t)len, 0);
}

/* trusted.* belongs to the host (overlay keeps its own notes there): only a privileged instance has any of its own. */
static bool is_copied(const char *name, const struct idmap *map)
{
	return !strncmp(name, "user.", 5) || !strcmp(name, XATTR_NAME_CAPS) || !strncmp(name, "system.posix_acl_", 17) ||
	       (map->size == 0 && !strncmp(name, "trusted.", 8));
}

static int copy_xattrs(int src, int dst, const struct idmap *map)
{
	static char names[XATTR_LIST_MAX];
	ssize_t len = flistxattr(src, names, sizeof(names));

	if (len < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *p = names; p < names + len; p += strlen(p) + 1) {
		if (is_copied(p, map) && copy_xattr(src, dst, p, map))
			return -1;
	}
	return 0;
}

int copy_drop_xattrs(int fd)
{
	static const struct idmap all;
	static char names[XATTR_LIST_MAX];
	ssize_t len = flistxattr(fd, names, sizeof(names));

	if (len < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *p = names; p < names + len; p += strlen(p) + 1) {
		if (is_copied(p, &all) && fremovexattr(fd, p) < 0)
			return -1;
	}
	return 0;
}

static int shift_owner(const struct stat *st, const struct idmap *map, uid_t *uid, gid_t *gid)
{
	if (idmap_shift(map, st->st_uid, uid) == 0 && idmap_shift(map, st->st_gid, gid) == 0)
		return 0;
	errno = EOVERFLOW;
	return -1;
}

/* In this order: a change of owner drops setuid bits and capabilities; an ACL changes the mode's group bits. */
int copy_attributes(int src, int dst, const struct stat *st, const struct idmap *map)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	uid_t uid;
	gid_t gid;

	if (shift_owner(st, map, &uid, &gid) || fchown(dst, uid, gid) < 0 || copy_xattrs(src, dst, map) < 0 ||
	    fchmod(dst, st->st_mode & 07777) < 0 || futimens(dst, times) < 0)
		return -1;
	return 0;
}

int copy_attributes_at(int dirfd, const char *name, const struct stat *st, const struct idmap *map)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	uid_t uid;
	gid_t gid;

	if (shift_owner(st, map, &uid, &gid) || fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (!S_ISLNK(st->st_mode) && fchmodat(dirfd, name, st->st_mode & 07777, 0) < 0)
		return -1;
	return utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
}
