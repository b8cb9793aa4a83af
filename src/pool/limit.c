/* SPDX-License-Identifier: MIT */
#include "pool/limit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "pool/pool.h"
#include "pool/tree.h"

#ifndef PRJQUOTA
#define PRJQUOTA 2
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443 /* the same everywhere */
#endif
#define OWN_PROJECTS 0x80000000u /* administrators count from 1 */
#define BLOCK 512		 /* what XFS's quota calls count in, on every file system */
#define DEPTH_MAX 256

static int quota_call(int fd, unsigned cmd, uint32_t id, void *data)
{
	return (int)syscall(SYS_quotactl_fd, fd, (unsigned)QCMD(cmd, PRJQUOTA), id, data);
}

/* Is the file system that fd lies on mounted with prjquota? */
static bool wanted(int fd)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned major_no, minor_no;
	char *line = NULL, *super;
	bool found = false;
	size_t size = 0;
	struct stat st;

	if (f == NULL)
		return false;
	if (fstat(fd, &st) == 0)
		while (!found && getline(&line, &size, f) > 0)
			found = sscanf(line, "%*u %*u %u:%u", &major_no, &minor_no) == 2 && major_no == major(st.st_dev) &&
				minor_no == minor(st.st_dev) && (super = strstr(line, " - ")) != NULL && strstr(super, "prjquota") != NULL;
	free(line);
	fclose(f);
	return found;
}

/*
 * A root file system has its options by a remount, and then the kernel goes on counting only: what the options ask for
 * is put right here.
 */
static bool enforced(int fd)
{
	struct fs_quota_stat stat = { 0 };
	unsigned on = FS_QUOTA_PDQ_ENFD;

	if (quota_call(fd, Q_XGETQSTAT, 0, &stat) < 0 || (stat.qs_flags & FS_QUOTA_PDQ_ACCT) == 0)
		return false;
	return (stat.qs_flags & FS_QUOTA_PDQ_ENFD) != 0 || (wanted(fd) && quota_call(fd, Q_XQUOTAON, 0, &on) == 0);
}

void limit_resume(const char *dir)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)enforced(fd);
}

int limit_possible(const struct berthd *b, const char *pool, const char *size, struct error *err)
{
	const char *driver = pool_driver(b, pool);
	AUTO_FREE char *dir = NULL;
	AUTO_CLOSE int fd = -1;

	if (driver == NULL)
		return error_set(err, ERROR_NOT_FOUND, "Storage pool not found");
	if (strcmp(driver, "btrfs") == 0)
		return 0;
	dir = pool_instances(b, pool);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && enforced(fd))
		return 0;
	return error_set(err, ERROR_INVALID, "size \"%.32s\" cannot be enforced in the storage pool \"%s\": the file system at '%s' "
			 "keeps no project quotas (ext4: tune2fs -O quota,project while it is not mounted, then mount it with prjquota; "
			 "xfs: mount it with prjquota); or use a pool of the driver btrfs", size, pool, dir);
}

/* ---- project quotas */

static int project_of(const char *key, uint32_t *ret, struct error *err)
{
	struct stat st;

	if (lstat(key, &st) < 0)
		return error_sys(err, errno, "cannot look at '%s'", key);
	if ((uint64_t)st.st_ino >= OWN_PROJECTS)
		return error_set(err, ERROR_UNSUPPORTED, "the inode number of '%s' is too large to be a project's: mount that file system "
				 "with inode32, or use a pool of the driver btrfs", key);
	*ret = OWN_PROJECTS | (uint32_t)st.st_ino;
	return 0;
}

static int set_quota(int fd, uint32_t project, uint64_t bytes)
{
	struct fs_disk_quota quota = { .d_version = FS_DQUOT_VERSION, .d_flags = FS_PROJ_QUOTA,
				       .d_fieldmask = FS_DQ_BSOFT | FS_DQ_BHARD, .d_id = project };

	quota.d_blk_softlimit = quota.d_blk_hardlimit = (bytes + BLOCK - 1) / BLOCK;
	return quota_call(fd, Q_XSETQLIM, project, &quota);
}

/* What is made in a folder that has it belongs to the project from the start. */
static int join_project(int fd, bool is_dir, uint32_t project, const char *shown, struct error *err)
{
	struct fsxattr attr;
	uint32_t flags;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr) < 0)
		return error_sys(err, errno, "cannot read the project of a file in '%s'", shown);
	flags = attr.fsx_xflags | (is_dir ? FS_XFLAG_PROJINHERIT : 0);
	if (attr.fsx_projid == project && attr.fsx_xflags == flags)
		return 0;
	attr.fsx_projid = project;
	attr.fsx_xflags = flags;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr) < 0 && errno != EPERM) /* immutable: it counts for nobody */
		return error_sys(err, errno, "cannot set the project of a file in '%s'", shown);
	return 0;
}

static int visit_dir(int fd, dev_t device, uint32_t project, const char *shown, unsigned depth, struct error *err);

/*
 * By a handle first: opening what a container turned into a device meanwhile could do anything. Symbolic links, sockets
 * and the like take no room, and belong to a project only if they were made in it.
 */
static int visit(int dirfd, const char *name, dev_t device, uint32_t project, const char *shown, unsigned depth,
		 struct error *err)
{
	AUTO_CLOSE int handle = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int fd = -1;
	char path[64];
	struct stat st;

	if (handle < 0 || fstat(handle, &st) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot open a file in '%s'", shown);
	if (st.st_dev != device || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	fd = open(path, O_RDONLY | O_CLOEXEC | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot open a file in '%s'", shown);
	if (S_ISDIR(st.st_mode))
		return visit_dir(fd, device, project, shown, depth, err);
	return join_project(fd, false, project, shown, err);
}

static int visit_dir(int fd, dev_t device, uint32_t project, const char *shown, unsigned depth, struct error *err)
{
	int copy, rc = join_project(fd, true, project, shown, err);
	const struct dirent *d;
	DIR *dir;

	if (rc < 0)
		return -1;
	if (depth > DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "'%s' is nested too deeply", shown);
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return error_sys(err, errno, "cannot read '%s'", shown);
	}
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = visit(fd, d->d_name, device, project, shown, depth + 1, err);
	closedir(dir);
	return rc;
}

static int join_tree(const char *tree, uint32_t project, struct error *err)
{
	AUTO_CLOSE int fd = open(tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot open '%s'", tree);
	return visit_dir(fd, st.st_dev, project, tree, 0, err);
}

static int limit_project(const char *key, const char *const *trees, uint64_t bytes, struct error *err)
{
	AUTO_CLOSE int fd = open(key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint32_t project = 0;

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", key);
	if (!enforced(fd))
		return bytes == 0 ? 0 : error_set(err, ERROR_UNSUPPORTED, "the file system at '%s' keeps no project quotas: mount it with "
						  "prjquota", key);
	if (project_of(key, &project, err) < 0)
		return -1;
	for (const char *const *tree = trees; bytes > 0 && *tree != NULL; tree++)
		if (join_tree(*tree, project, err) < 0)
			return -1;
	if (set_quota(fd, project, bytes) == 0 || (bytes == 0 && errno == ENOENT))
		return 0;
	return error_sys(err, errno, "cannot limit the size of '%s'", key);
}

/* ---- either */

int limit_trees(const char *key, const char *const *trees, uint64_t bytes, struct error *err)
{
	bool subvolumes = false;

	for (const char *const *tree = trees; *tree != NULL; tree++) {
		if (!pool_tree_is_subvolume(*tree))
			continue;
		subvolumes = true;
		if (pool_tree_limit(*tree, bytes, err) < 0)
			return -1;
	}
	return subvolumes ? 0 : limit_project(key, trees, bytes, err);
}

void limit_forget(const char *key)
{
	AUTO_CLOSE int fd = open(key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct error ignored = ERROR_INIT;
	uint32_t project = 0;

	if (fd >= 0 && enforced(fd) && project_of(key, &project, &ignored) == 0)
		(void)set_quota(fd, project, 0);
}
