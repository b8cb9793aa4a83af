/* SPDX-License-Identifier: MIT */
/* What can change of a mounted pool: its mount options, and the size of its file, which grows. */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "pool/pool_private.h"

static const char *value(const cJSON *pool, const char *key)
{
	return json_str_or(json_obj(pool, "config"), key, "");
}

static bool same(const cJSON *old, const cJSON *new, const char *key)
{
	return strcmp(value(old, key), value(new, key)) == 0;
}

/* The loop device below the file system, if its file is the one that file is open on. An fd, or -1. */
static int open_loop(int mount, int file, const char *source, struct error *err)
{
	struct btrfs_ioctl_dev_info_args info = { .devid = 1 };
	struct loop_info64 loop;
	struct stat st;
	int fd = -1;

	if (ioctl(mount, BTRFS_IOC_DEV_INFO, &info) == 0)
		fd = open((const char *)info.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &loop) == 0 && fstat(file, &st) == 0 && loop.lo_inode == st.st_ino &&
	    loop.lo_device == st.st_dev)
		return fd;
	if (fd >= 0)
		close(fd);
	return error_set(err, ERROR_SYSTEM, "the file system is not mounted from '%s' by a loop device", source);
}

/* Each part can be done again: one that was cut short is made good by the next. */
static int grow(const char *path, const char *source, uint64_t bytes, struct error *err)
{
	struct btrfs_ioctl_vol_args most = { .name = "1:max" };
	AUTO_CLOSE int file = open(source, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	AUTO_CLOSE int mount = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int loop = -1;
	struct stat st;

	if (file < 0 || fstat(file, &st) < 0)
		return error_sys(err, errno, "cannot open '%s'", source);
	if (mount < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if ((uint64_t)st.st_size > bytes)
		return error_set(err, ERROR_INVALID, "Invalid value for option \"size\": a pool cannot become smaller than it is "
				 "(%lld bytes)", (long long)st.st_size);
	loop = open_loop(mount, file, source, err);
	if (loop < 0)
		return -1;
	if (ftruncate(file, (off_t)bytes) < 0)
		return error_sys(err, errno, "cannot make '%s' longer", source);
	if (ioctl(loop, LOOP_SET_CAPACITY, 0) < 0 || ioctl(mount, BTRFS_IOC_RESIZE, &most) < 0)
		return error_sys(err, errno, "cannot make the file system in '%s' larger", source);
	return 0;
}

static int change_size(const struct berthd *b, const cJSON *old, const cJSON *new, struct error *err)
{
	AUTO_FREE char *path = pool_path_of(b, old);
	const char *name = json_str_or(old, "name", ""), *source = value(old, "source");
	uint64_t bytes;
	struct stat st;

	if (same(old, new, "size"))
		return 0;
	if (value(new, "size")[0] == '\0' || !pool_needs_mount(old) || stat(source, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, "Invalid option \"size\": it cannot be changed once the pool is there, unless it lies "
				 "in a file, which can grow");
	if (pool_usable(b, name, err) < 0 || units_parse_size(value(new, "size"), &bytes, err) < 0)
		return -1;
	return grow(path, source, bytes, err);
}

int pool_change_live(const struct berthd *b, const cJSON *old, const cJSON *new, struct error *err)
{
	if (!same(old, new, "btrfs.mount_options") && pool_needs_mount(old) && pool_is_mounted(b, old) && pool_remount(b, new, err) < 0)
		return -1;
	return change_size(b, old, new, err);
}
