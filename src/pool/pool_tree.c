/* SPDX-License-Identifier: MIT */
/* Folders that are volumes: subvolumes of a btrfs, or plain folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "pool/pool_private.h"

#define SUBVOLUME_INODE 256 /* BTRFS_FIRST_FREE_OBJECTID: of the root of each */
#define DEPTH_MAX 256

static bool is_btrfs(const char *driver)
{
	return strcmp(driver, "btrfs") == 0;
}

/* Opens the folder that holds path; *ret_name points into path. */
static int open_parent(const char *path, const char **ret_name, struct error *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = mem_strndup(path, (size_t)(slash - path));
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret_name = slash + 1;
	if (strlen(slash + 1) > BTRFS_SUBVOL_NAME_MAX)
		error_set(err, ERROR_INVALID, "'%s' is too long a name", slash + 1);
	else if (fd < 0)
		error_sys(err, errno, "cannot open '%s'", parent);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int pool_tree_create(const char *driver, const char *path, struct error *err)
{
	struct btrfs_ioctl_vol_args args = { 0 };
	const char *name;
	AUTO_CLOSE int fd = -1;

	if (!is_btrfs(driver))
		return mkdir(path, 0711) == 0 ? 0 : error_sys(err, errno, "cannot make '%s'", path);
	fd = open_parent(path, &name, err);
	if (fd < 0)
		return -1;
	memcpy(args.name, name, strlen(name) + 1);
	if (ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, &args) < 0)
		return error_sys(err, errno, "cannot make the subvolume '%s'", path);
	return 0;
}

int pool_tree_snapshot(const char *from, const char *to, bool readonly, struct error *err)
{
	struct btrfs_ioctl_vol_args_v2 args = { .flags = readonly ? BTRFS_SUBVOL_RDONLY : 0 };
	AUTO_CLOSE int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const char *name;
	AUTO_CLOSE int fd = open_parent(to, &name, err);

	if (fd < 0)
		return -1;
	if (source < 0)
		return error_sys(err, errno, "cannot open '%s'", from);
	args.fd = source;
	memcpy(args.name, name, strlen(name) + 1);
	if (ioctl(fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
		return error_sys(err, errno, "cannot make '%s' a snapshot of '%s'", to, from);
	return 0;
}

/* Quotas are switched on with the first limit: without one they would only cost. */
static int switch_quotas_on(int fd, const char *path, struct error *err)
{
	struct btrfs_ioctl_quota_ctl_args on = { .cmd = BTRFS_QUOTA_CTL_ENABLE };

	return ioctl(fd, BTRFS_IOC_QUOTA_CTL, &on) == 0 || errno == EEXIST || errno == EINPROGRESS ? 0 :
		error_sys(err, errno, "cannot switch on the quotas of '%s'", path);
}

/* By the folder above, since in one that is full (or has been made to be) not even its limit could be changed. */
int pool_tree_limit(const char *path, uint64_t bytes, struct error *err)
{
	struct btrfs_ioctl_qgroup_limit_args limit = { .lim = { .flags = BTRFS_QGROUP_LIMIT_MAX_RFER } };
	struct btrfs_ioctl_ino_lookup_args which = { .objectid = SUBVOLUME_INODE };
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const char *name;
	AUTO_CLOSE int parent = open_parent(path, &name, err);

	if (parent < 0)
		return -1;
	if (fd < 0 || ioctl(fd, BTRFS_IOC_INO_LOOKUP, &which) < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (bytes > 0 && switch_quotas_on(parent, path, err) < 0)
		return -1;
	limit.qgroupid = which.treeid;
	limit.lim.max_rfer = bytes > 0 ? bytes : UINT64_MAX;
	if (ioctl(parent, BTRFS_IOC_QGROUP_LIMIT, &limit) < 0 && (bytes > 0 || (errno != ENOTCONN && errno != EINVAL && errno != ENOENT)))
		return error_sys(err, errno, "cannot limit the size of '%s'", path);
	return 0;
}

bool pool_tree_is_subvolume(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_ino == SUBVOLUME_INODE && pool_is_btrfs(path);
}

/* ---- removal: what a container made below (also subvolumes, which it may) is reached by fds only */

static void make_writable(int fd)
{
	__u64 flags = 0;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) == 0 && (flags & BTRFS_SUBVOL_RDONLY) != 0) {
		flags &= ~(__u64)BTRFS_SUBVOL_RDONLY;
		(void)ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags);
	}
}

static int remove_nested(int dirfd, const char *shown, unsigned depth, struct error *err);

static void *destroy_args(const char *name, struct btrfs_ioctl_vol_args *args)
{
	snprintf(args->name, sizeof(args->name), "%s", name);
	return args;
}

static int destroy(int parent, const char *name, const char *shown, struct error *err)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	if (strlen(name) > BTRFS_PATH_NAME_MAX)
		return error_set(err, ERROR_INVALID, "'%s' holds a name that is too long", shown);
	memcpy(args.name, name, strlen(name) + 1);
	return ioctl(parent, BTRFS_IOC_SNAP_DESTROY, &args) == 0 || errno == ENOENT ? 0 :
		error_sys(err, errno, "cannot delete the subvolume '%s' in '%s'", name, shown);
}

static int visit(int dirfd, const char *name, const char *shown, unsigned depth, struct error *err)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct btrfs_ioctl_vol_args args = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : error_sys(err, errno, "cannot open '%s' in '%s'",
											  name, shown);
	if (st.st_ino == SUBVOLUME_INODE && ioctl(dirfd, BTRFS_IOC_SNAP_DESTROY, destroy_args(name, &args)) == 0)
		return 0; /* with all that was in it; else there are others in it */
	if (st.st_ino == SUBVOLUME_INODE)
		make_writable(fd);
	if (remove_nested(fd, shown, depth + 1, err) < 0)
		return -1;
	return st.st_ino == SUBVOLUME_INODE ? destroy(dirfd, name, shown, err) : 0;
}

static int remove_nested(int dirfd, const char *shown, unsigned depth, struct error *err)
{
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *d;

	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return error_sys(err, errno, "cannot read '%s'", shown);
	}
	if (depth > DEPTH_MAX)
		rc = error_set(err, ERROR_INVALID, "'%s' is nested too deeply", shown);
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (d->d_type == DT_DIR && strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = visit(dirfd, d->d_name, shown, depth, err);
	closedir(dir);
	return rc;
}

int pool_remove(const char *path, struct error *err)
{
	const char *name;
	AUTO_CLOSE int fd = -1;

	if (!fs_exists(path) || !pool_is_btrfs(path))
		return fs_remove_tree(path, err);
	fd = open_parent(path, &name, err);
	if (fd < 0 || visit(fd, name, path, 0, err) < 0)
		return -1;
	return fs_remove_tree(path, err);
}

bool pool_tree_can_snapshot(const char *from, const char *to)
{
	AUTO_FREE char *source = mem_strndup(from, (size_t)(strrchr(from, '/') - from));
	AUTO_FREE char *parent = mem_strndup(to, (size_t)(strrchr(to, '/') - to));
	struct statfs a, b;

	return pool_tree_is_subvolume(from) && statfs(source, &a) == 0 && statfs(parent, &b) == 0 &&
	       memcmp(&a.f_fsid, &b.f_fsid, sizeof(a.f_fsid)) == 0;
}
