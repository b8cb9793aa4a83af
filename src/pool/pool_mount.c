/* SPDX-License-Identifier: MIT */
/* Pools on a block device or in a file: mounted at pools_path/NAME. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/key_types.h"
#include "model/settings.h"
#include "pool/pool_private.h"

#define LOOP_TRIES 16
#define OWN_OPTIONS "user_subvol_rm_allowed"

static const char *source_of(const cJSON *pool)
{
	return json_str_or(json_obj(pool, "config"), "source", "");
}

/* A device or a file is mounted, a folder is used where it is. The name tells also when it is not there. */
bool pool_needs_mount(const cJSON *pool)
{
	const char *source = source_of(pool);
	struct stat st;

	if (strcmp(json_str_or(pool, "driver", ""), "btrfs") != 0)
		return false;
	if (stat(source, &st) < 0)
		return strncmp(source, "/dev/", 5) == 0 || type_has_suffix(source, ".img");
	return !S_ISDIR(st.st_mode);
}

bool pool_is_btrfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

static bool is_mount(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool pool_is_mounted(const struct berthd *b, const cJSON *pool)
{
	AUTO_FREE char *path = fs_join(b->settings->pools_path, json_str_or(pool, "name", ""));

	return is_mount(path) && pool_is_btrfs(path);
}

/* ---- options */

static const struct {
	const char *name;
	unsigned long flag;
} flags[] = {
	{ "noatime", MS_NOATIME },   { "nodiratime", MS_NODIRATIME }, { "relatime", MS_RELATIME },
	{ "strictatime", MS_STRICTATIME }, { "lazytime", MS_LAZYTIME }, { "sync", MS_SYNCHRONOUS },
	{ "nodev", MS_NODEV }, { "rw", 0 },
};

/* Into flags of mount(2) and the rest, which the file system reads. Caller frees. */
static char *split_options(const char *text, unsigned long *ret_flags)
{
	AUTO_FREE char *copy = mem_strdup(text);
	struct strbuf rest = STRBUF_INIT;
	char *state = NULL;

	*ret_flags = 0;
	strbuf_addstr(&rest, OWN_OPTIONS);
	for (const char *o = strtok_r(copy, ",", &state); o != NULL; o = strtok_r(NULL, ",", &state)) {
		bool found = false;

		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			if (strcmp(flags[i].name, o) != 0)
				continue;
			*ret_flags |= flags[i].flag;
			found = true;
		}
		if (!found && strcmp(o, OWN_OPTIONS) != 0)
			strbuf_addf(&rest, ",%s", o);
	}
	return rest.buf;
}

int pool_mount_options_check(const char *text, struct error *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=:,.-";
	AUTO_FREE char *around = mem_printf(",%s,", text);

	if (strlen(text) > 512 || strspn(text, plain) != strlen(text))
		return error_set(err, ERROR_INVALID, "must be mount options with commas between them");
	/* another tree than the pool's, or another file system, is not to be had this way */
	if (strstr(around, ",subvol") != NULL || strstr(around, ",device=") != NULL || strstr(around, ",ro,") != NULL)
		return error_set(err, ERROR_INVALID, "ro, subvol, subvolid and device cannot be set");
	return 0;
}

/* ---- mount */

/* A loop device on the file, which ends with its last user. Returns its number's path in ret; an open fd, or -1. */
static int loop_attach(const char *file, char ret[32], struct error *err)
{
	AUTO_CLOSE int backing = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	AUTO_CLOSE int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };

	if (backing < 0)
		return error_sys(err, errno, "cannot open '%s'", file);
	if (control < 0)
		return error_sys(err, errno, "cannot open '/dev/loop-control'");
	config.fd = (__u32)backing;
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", file);
	for (int i = 0; i < LOOP_TRIES; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE), fd;

		if (n < 0)
			return error_sys(err, errno, "no loop device is free for '%s'", file);
		snprintf(ret, 32, "/dev/loop%d", n);
		fd = open(ret, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return error_sys(err, errno, "cannot open '%s'", ret);
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return fd;
		close(fd);
		if (errno != EBUSY) /* else somebody was faster */
			return error_sys(err, errno, "cannot set up '%s' for '%s'", ret, file);
	}
	return error_set(err, ERROR_SYSTEM, "no loop device is free for '%s'", file);
}

static int do_mount(const char *device, const char *path, const cJSON *pool, struct error *err)
{
	unsigned long own;
	AUTO_FREE char *data = split_options(json_str_or(json_obj(pool, "config"), "btrfs.mount_options", ""), &own);

	if (mount(device, path, "btrfs", own, data) == 0)
		return 0;
	return error_sys(err, errno, "cannot mount '%s' at '%s' (btrfs, %s)", device, path, data);
}

int pool_mount(const struct berthd *b, const cJSON *pool, struct error *err)
{
	AUTO_FREE char *path = fs_join(b->settings->pools_path, json_str_or(pool, "name", ""));
	const char *source = source_of(pool);
	AUTO_CLOSE int loop = -1;
	char device[32];
	struct stat st;

	if (pool_is_mounted(b, pool))
		return 0;
	if (fs_mkdirs(path, 0711, err) < 0)
		return -1;
	if (stat(source, &st) < 0)
		return error_sys(err, errno, "cannot look at the source '%s'", source);
	if (S_ISBLK(st.st_mode))
		return do_mount(source, path, pool, err);
	loop = loop_attach(source, device, err);
	return loop < 0 ? -1 : do_mount(device, path, pool, err);
}

int pool_mount_again(const struct berthd *b, const cJSON *pool, struct error *err)
{
	AUTO_FREE char *path = fs_join(b->settings->pools_path, json_str_or(pool, "name", ""));
	AUTO_FREE char *instances = fs_join(path, "containers");

	if (pool_mount(b, pool, err) < 0)
		return -1;
	if (fs_exists(instances))
		return 0;
	if (pool_unmount(b, pool, err) < 0)
		return -1;
	return error_set(err, ERROR_INVALID, "the btrfs in '%s' is another one: it has no folder 'containers'", source_of(pool));
}

int pool_remount(const struct berthd *b, const cJSON *pool, struct error *err)
{
	const unsigned long times = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME;
	AUTO_FREE char *path = fs_join(b->settings->pools_path, json_str_or(pool, "name", ""));
	const char *options = json_str_or(json_obj(pool, "config"), "btrfs.mount_options", "");
	unsigned long own;
	AUTO_FREE char *data = split_options(options, &own);

	if ((own & times) == 0)
		own |= MS_RELATIME; /* without any, what there is would stay */
	if (mount(NULL, path, NULL, MS_REMOUNT | own, data) == 0)
		return 0;
	return error_sys(err, errno, "Failed to mount '%s' with the options '%s'", path, options);
}

int pool_unmount(const struct berthd *b, const cJSON *pool, struct error *err)
{
	AUTO_FREE char *path = fs_join(b->settings->pools_path, json_str_or(pool, "name", ""));

	if (!is_mount(path))
		return 0;
	if (umount2(path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
		return 0;
	return error_sys(err, errno, "cannot unmount '%s'", path);
}
