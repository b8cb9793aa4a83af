/* SPDX-License-Identifier: MIT */
#include "helper/stream_xattr.h"

#include <endian.h>
#include <linux/capability.h>
#include <string.h>

#define CAPABILITY "security.capability"
#define ACL "system.posix_acl_"

enum { NOBODY = 65534, ACL_HEAD = 4, ACL_ENTRY = 8, ACL_USER = 2, ACL_GROUP = 8 };

uint64_t stream_shift(const struct tar_shift *shift, uint64_t id)
{
	if (shift->size == 0)
		return id;
	return id >= shift->host && id - shift->host < shift->size ? shift->inside + (id - shift->host) : NOBODY;
}

static bool starts(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

bool stream_xattr_is_hosts(const char *name)
{
	return starts(name, "security.") && strcmp(name, CAPABILITY) != 0;
}

bool stream_xattr_is_kept(const char *name)
{
	return starts(name, "user.") || starts(name, ACL) || starts(name, "btrfs.") || strcmp(name, CAPABILITY) == 0;
}

/* tag, permissions (16 bits each), id */
static void shift_acl(const struct tar_shift *shift, uint8_t *value, size_t len)
{
	for (size_t at = ACL_HEAD; at + ACL_ENTRY <= len; at += ACL_ENTRY) {
		uint16_t tag;
		uint32_t id;

		memcpy(&tag, value + at, sizeof(tag));
		memcpy(&id, value + at + 4, sizeof(id));
		if (le16toh(tag) != ACL_USER && le16toh(tag) != ACL_GROUP)
			continue;
		id = htole32((uint32_t)stream_shift(shift, le32toh(id)));
		memcpy(value + at + 4, &id, sizeof(id));
	}
}

static void shift_capability(const struct tar_shift *shift, uint8_t *value, size_t *len)
{
	struct vfs_ns_cap_data c;
	uint32_t magic, root;

	if (*len != sizeof(c))
		return;
	memcpy(&c, value, sizeof(c));
	magic = le32toh(c.magic_etc);
	root = (uint32_t)stream_shift(shift, le32toh(c.rootid));
	if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
		return;
	if (root == 0) { /* the container's own: as a file has it where nothing is mapped */
		*len = sizeof(struct vfs_cap_data);
		c.magic_etc = htole32(VFS_CAP_REVISION_2 | (magic & VFS_CAP_FLAGS_EFFECTIVE));
	}
	c.rootid = htole32(root);
	memcpy(value, &c, *len);
}

void stream_xattr_shift(const struct tar_shift *shift, const char *name, uint8_t *value, size_t *len)
{
	if (shift->size == 0)
		return;
	if (starts(name, ACL))
		shift_acl(shift, value, *len);
	else if (strcmp(name, CAPABILITY) == 0)
		shift_capability(shift, value, len);
}
