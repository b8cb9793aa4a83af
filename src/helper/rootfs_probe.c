/* SPDX-License-Identifier: MIT */
/*
 * Tries idmapped mounts and overlay on them. All mounts are made in a mount namespace of our own: whatever happens
 * to us, none stays behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "helper/own_mounts.h"
#include "helper/rootfs_mount.h"
#include "helper/rootfs_sys.h"

#define NAME ".berth-probe-"

static const struct idmap probe_map = { .base = 100000, .size = 65536 };

static int make_file(const char *path, struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_sys(err, errno, "cannot make '%s'", path);
	return 0;
}

static bool owned_by_base(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_uid == probe_map.base && st.st_gid == probe_map.base;
}

static bool try_idmapped(const char *image)
{
	struct error err = ERROR_INIT;
	AUTO_CLOSE int tree = idmap_open_tree(image, &probe_map, 0, &err);
	struct stat st;

	return tree >= 0 && fstatat(tree, "file", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == probe_map.base;
}

/* Mounts, looks at the owner, and writes to a file of the image: that copies it up. */
static bool try_overlay(const char *dir, const char *image)
{
	struct error err = ERROR_INIT;
	bool works = false;

	if (rootfs_mount(dir, image, &probe_map, &err))
		return false;
	if (owned_by_base("rootfs/file")) {
		AUTO_CLOSE int fd = open("rootfs/file", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

		works = fd >= 0 && write(fd, "x", 1) == 1 && owned_by_base("rootfs/file") && owned_by_base("upper/file");
	}
	return rootfs_umount(dir, &err) == 0 && works;
}

static int try_in(const char *dir, struct rootfs_probe *ret, struct error *err)
{
	AUTO_FREE char *image = fs_join(dir, "image");
	AUTO_FREE char *file = fs_join(image, "file");
	AUTO_FREE char *instance = fs_join(dir, "instance");

	if (mkdir(image, 0755) < 0 || mkdir(instance, 0755) < 0)
		return error_sys(err, errno, "cannot make a folder in '%s'", dir);
	if (make_file(file, err))
		return -1;
	ret->idmapped = try_idmapped(image);
	ret->overlay = ret->idmapped && try_overlay(instance, image);
	return 0;
}

static int is_probe(const struct dirent *d)
{
	return strncmp(d->d_name, NAME, strlen(NAME)) == 0 && strlen(d->d_name) == strlen(NAME "XXXXXX");
}

/* What a probe left that was killed; only while no other is on its way: each holds a lock on the folder. */
static void sweep(const char *dir, int fd)
{
	struct dirent **entries;
	int n = flock(fd, LOCK_EX | LOCK_NB) == 0 ? scandir(dir, &entries, is_probe, NULL) : -1;

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = fs_join(dir, entries[i]->d_name);
		struct error err = ERROR_INIT;

		if (fs_remove_tree(path, &err) < 0)
			fprintf(stderr, "%s\n", err.msg);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	(void)flock(fd, LOCK_SH);
}

int rootfs_probe(const char *dir, struct rootfs_probe *ret, struct error *err)
{
	AUTO_FREE char *tmp = fs_join(dir, NAME "XXXXXX");
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error ignored = ERROR_INIT;
	int rc;

	*ret = (struct rootfs_probe){ false };
	if (own_mounts(err))
		return -1;
	sweep(dir, fd);
	if (!mkdtemp(tmp))
		return error_sys(err, errno, "cannot make a folder in '%s'", dir);
	rc = try_in(tmp, ret, err);
	if (chdir("/") < 0 || fs_remove_tree(tmp, rc ? &ignored : err))
		return -1;
	return rc;
}
