/* SPDX-License-Identifier: MIT */
#include "helper/migrate_unshift.h"

#include <endian.h>
#include <errno.h>
#include <ftw.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/json.h"
#include "base/strmap.h"
#include "image/tar_inspect.h"

#define CAPABILITY "security.capability"

static bool is_of(const cJSON *entry, bool gid)
{
	return json_bool(entry, gid ? "Isgid" : "Isuid", false);
}

int64_t migrate_unshift_id(const cJSON *idmap, bool gid, uint32_t id)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, idmap) {
		int64_t host = json_int(entry, "Hostid", -1), inside = json_int(entry, "Nsid", -1), range = json_int(entry, "Maprange", 0);

		if (is_of(entry, gid) && host >= 0 && inside >= 0 && id >= host && id - host < range)
			return inside + (id - host) <= UINT32_MAX - 1 ? inside + (id - host) : -1;
	}
	return -1;
}

static bool shifts(const cJSON *idmap)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, idmap)
		if (json_int(entry, "Hostid", 0) != json_int(entry, "Nsid", 0))
			return true;
	return false;
}

/* ---- file capabilities: a change of the owner removes them */

union capability {
	struct vfs_cap_data v2;
	struct vfs_ns_cap_data v3;
};

static ssize_t convert(const cJSON *idmap, union capability *c, ssize_t len)
{
	bool of_namespace = len == (ssize_t)sizeof(c->v3) && (le32toh(c->v3.magic_etc) & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_3;

	if (!of_namespace || migrate_unshift_id(idmap, false, le32toh(c->v3.rootid)) != 0)
		return len;
	c->v2.magic_etc = htole32(VFS_CAP_REVISION_2 | (le32toh(c->v3.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE));
	return sizeof(c->v2);
}

/* ---- the walk: nobody else changes the tree, and no link is followed */

static const cJSON *walk_map;
static struct error *walk_err;
static struct strmap *walk_seen; /* inodes that have several names */

static int one(const char *path, const struct stat *st, struct error *err)
{
	int64_t uid = migrate_unshift_id(walk_map, false, st->st_uid), gid = migrate_unshift_id(walk_map, true, st->st_gid);
	union capability c;
	ssize_t len = S_ISREG(st->st_mode) ? lgetxattr(path, CAPABILITY, &c, sizeof(c)) : -1;

	if (uid < 0 || gid < 0)
		return error_set(err, ERROR_INVALID, "a file of the source belongs to %u:%u, which its map of ids has not", st->st_uid,
				 st->st_gid);
	if (lchown(path, (uid_t)uid, (gid_t)gid) < 0)
		return error_sys(err, errno, "cannot change the owner of a file");
	if (!S_ISLNK(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID)) != 0 && chmod(path, st->st_mode & 07777) < 0)
		return error_sys(err, errno, "cannot change the mode of a file");
	if (len <= 0)
		return 0;
	len = convert(walk_map, &c, len);
	return lsetxattr(path, CAPABILITY, &c, (size_t)len, 0) == 0 ? 0 : error_sys(err, errno, "cannot set a file's capabilities");
}

/*
 * A file with several names comes several times. Its ids do not tell that it has had its change: of a map with many ids
 * (that of an LXD whose containers have containers) those inside can be among those of the host.
 */
static bool was_changed(const struct stat *st)
{
	char key[24];

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return false;
	snprintf(key, sizeof(key), "%llx", (unsigned long long)st->st_ino); /* FTW_MOUNT: of one device */
	if (strmap_get(walk_seen, key) != NULL)
		return true;
	strmap_put(walk_seen, key, walk_seen);
	return false;
}

static int walk_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type == FTW_NS || type == FTW_DNR)
		return error_set(walk_err, ERROR_SYSTEM, "cannot look at a file of the source");
	return was_changed(st) ? 0 : one(path + ftw->base, st, walk_err);
}

int migrate_unshift(const char *tree, const cJSON *idmap, struct error *err)
{
	int rc;

	if (!shifts(idmap))
		return 0;
	walk_map = idmap;
	walk_err = err;
	walk_seen = strmap_new(NULL);
	rc = nftw(tree, walk_cb, 64, FTW_PHYS | FTW_MOUNT | FTW_CHDIR);
	strmap_free(walk_seen);
	if (rc == 0)
		return 0;
	return err->code != ERROR_NONE ? -1 : error_sys(err, errno, "cannot read '%s'", tree);
}

/* ---- device nodes */

static size_t walk_top; /* length of the tree's own path */

static int device_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *inside = path + walk_top + strspn(path + walk_top, "/");

	if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
		return 0;
	if (!tar_known_device(inside) && S_ISCHR(st->st_mode) && st->st_rdev == 0) /* a whiteout, as tar_backup.c knows it */
		return 0;
	if (!tar_known_device(inside))
		return error_set(walk_err, ERROR_INVALID, "'/%.200s': device nodes are only for privileged instances", inside);
	return unlink(path + ftw->base) == 0 ? 0 : error_sys(walk_err, errno, "cannot remove '/%.200s'", inside);
}

int migrate_drop_devices(const char *tree, struct error *err)
{
	walk_top = strlen(tree);
	walk_err = err;
	if (nftw(tree, device_cb, 64, FTW_PHYS | FTW_MOUNT | FTW_CHDIR) == 0)
		return 0;
	return err->code != ERROR_NONE ? -1 : error_sys(err, errno, "cannot read '%s'", tree);
}
