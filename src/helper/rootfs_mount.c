/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_mount.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "helper/own_mounts.h"
#include "helper/rootfs_sys.h"

#define RAW_TEXT 20
#define BUSY_TRIES 25
#define BUSY_NAP_NS 8000000 /* 25 naps: 200 ms */

/*
 * Fixed rather than left to the kernel's defaults, so that an upper layer means the same on every host. index=off:
 * an upper layer that a dying mount namespace still holds must not block the next start.
 */
static const char *const overlay_options[][2] = {
	{ "lowerdir", "lower" }, { "upperdir", "upper" }, { "workdir", "work" },
	{ "redirect_dir", "on" }, { "index", "off" },	  { "metacopy", "off" },
	{ NULL, NULL },
};

/* With raw ids: both layers show theirs as those of the running instance; ROOTFS holds the instance's folder. */
static const char *const raw_options[][2] = {
	{ "lowerdir", "lower" }, { "upperdir", "rootfs/upper" }, { "workdir", "rootfs/work" },
	{ "redirect_dir", "on" }, { "index", "off" },		 { "metacopy", "off" },
	{ NULL, NULL },
};

/* The same to look at. */
static const char *const view_options[][2] = {
	{ "lowerdir", "upper:lower" }, { "redirect_dir", "follow" }, { "index", "off" },
	{ "metacopy", "off" },	       { NULL, NULL },
};

/* Locks the folder; everything after works on names relative to it, so no path is too long or too odd. */
static int enter(const char *dir, struct error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open the instance's folder '%s'", dir);
	if (flock(fd, LOCK_EX) < 0 || fchdir(fd) < 0) {
		error_sys(err, errno, "cannot enter the instance's folder '%s'", dir);
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_mounted(const char *name)
{
	struct statx st;

	return statx(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_INO, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* The kernel takes 255 bytes of a source, so raw ids are told apart by their digest. */
static void raw_text(const struct idmap *map, char ret[RAW_TEXT])
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	ret[0] = '\0';
	if (map->raw.n == 0)
		return;
	raw_idmap_print(&map->raw, &text);
	snprintf(ret, RAW_TEXT, ":%016llx", (unsigned long long)text_hash(TEXT_HASH_BEGIN, text.buf));
}

/* The source field: the map, device and inode of the image's tree (while it is mounted, no other tree gets those). */
static char *source_text(const char *lower, const struct idmap *map, struct error *err)
{
	char raw[RAW_TEXT];
	struct stat st;

	if (stat(lower, &st) < 0) {
		error_sys(err, errno, "cannot read the image's tree '%s'", lower);
		return NULL;
	}
	raw_text(map, raw);
	return mem_printf("berth:%u:%u:%llx:%llx%s", map->base, map->size, (unsigned long long)st.st_dev,
			  (unsigned long long)st.st_ino, raw);
}

/* A mountinfo line: "ID PARENT MAJ:MIN ROOT POINT OPTIONS … - TYPE SOURCE SUPER". */
static bool line_is(const char *line, unsigned long long id, const char *source)
{
	const char *p;
	size_t len = strlen(source);

	if (strtoull(line, NULL, 10) != id)
		return false;
	p = strstr(line, " - overlay ");
	return p && !strncmp(p + 11, source, len) && p[11 + len] == ' ';
}

/* Is what is mounted at rootfs/ what we would mount? */
static bool mounted_from(const char *source)
{
	AUTO_FREE char *line = NULL;
	struct statx st;
	size_t cap = 0;
	bool found = false;
	FILE *f;

	if (statx(AT_FDCWD, "rootfs", AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
		return false;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return false;
	while (!found && getline(&line, &cap, f) > 0)
		found = line_is(line, st.stx_mnt_id, source);
	fclose(f);
	return found;
}

static int unmount_one(const char *dir, const char *name, struct error *err)
{
	const struct timespec nap = { .tv_nsec = BUSY_NAP_NS };

	for (int i = 0; i < BUSY_TRIES; i++) {
		if (umount2(name, UMOUNT_NOFOLLOW) == 0)
			return 0;
		if (errno != EBUSY)
			return error_sys(err, errno, "cannot unmount '%s/%s'", dir, name);
		nanosleep(&nap, NULL);
	}
	if (umount2(name, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
		return error_sys(err, errno, "cannot detach '%s/%s'", dir, name);
	fprintf(stderr, "berth-rootfs: '%s/%s' is in use: detached, it goes away with its last user\n", dir, name);
	return 0;
}

static int unmount_all(const char *dir, const char *name, struct error *err)
{
	while (is_mounted(name)) {
		if (unmount_one(dir, name, err))
			return -1;
	}
	return 0;
}

static int make_folder(const char *dir, const char *name, mode_t mode, struct error *err)
{
	if (mkdir(name, mode) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s/%s'", dir, name);
	return 0;
}

/* The root folder of the overlay is upper's: owner and mode are those of the image's root, shifted. */
static int make_upper(const char *dir, const char *lower, const struct idmap *map, struct error *err)
{
	struct stat st;
	uint32_t uid, gid;

	if (mkdir("upper", 0700) < 0) {
		if (errno == EEXIST)
			return 0;
		return error_sys(err, errno, "cannot make '%s/upper'", dir);
	}
	if (stat(lower, &st) < 0)
		return error_sys(err, errno, "cannot read '%s'", lower);
	if (idmap_shift(map, st.st_uid, &uid) || idmap_shift(map, st.st_gid, &gid))
		return error_set(err, ERROR_INVALID, "the owner %u:%u of '%s' lies outside the %u ids of the instance",
				 st.st_uid, st.st_gid, lower, map->size);
	if (chown("upper", uid, gid) < 0 || chmod("upper", st.st_mode & 07777) < 0)
		return error_sys(err, errno, "cannot give '%s/upper' to %u:%u", dir, uid, gid);
	return 0;
}

static int make_folders(const char *dir, const char *lower, const struct idmap *map, struct error *err)
{
	if (make_folder(dir, "lower", 0755, err) || make_folder(dir, "work", 0755, err) ||
	    make_folder(dir, "rootfs", 0755, err))
		return -1;
	return make_upper(dir, lower, map, err);
}

/* What the kernel says about a refused option or mount: lines "e overlay: …". */
static int overlay_error(int fs, const char *what, struct error *err)
{
	char msg[256];
	int sys = errno;
	ssize_t n = read(fs, msg, sizeof(msg) - 1);

	if (n <= 2)
		return error_sys(err, sys, "cannot mount overlay: %s", what);
	msg[n] = '\0';
	msg[strcspn(msg, "\n")] = '\0';
	return error_sys(err, sys, "cannot mount overlay: %s (%s)", what, msg + 2);
}

static int configure_overlay(int fs, const char *source, const char *const (*option)[2], struct error *err)
{
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return overlay_error(fs, "the source was refused", err);
	for (; (*option)[0]; option++) {
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, (*option)[0], (*option)[1], 0) < 0)
			return overlay_error(fs, (*option)[0], err);
	}
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return overlay_error(fs, "the layers were refused", err);
	return 0;
}

/* A detached mount; its fd. */
static int open_overlay(const char *source, const char *const (*options)[2], unsigned attrs, struct error *err)
{
	AUTO_CLOSE int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	int tree;

	if (fs < 0)
		return error_sys(err, errno, "cannot open the file system 'overlay'");
	if (configure_overlay(fs, source, options, err))
		return -1;
	tree = sys_fsmount(fs, FSMOUNT_CLOEXEC, attrs);
	if (tree < 0)
		return overlay_error(fs, "fsmount failed", err);
	return tree;
}

static int place_overlay(int tree, struct error *err)
{
	struct sys_mount_attr private = { .propagation = MS_PRIVATE };

	if (sys_move_mount(tree, "", AT_FDCWD, "rootfs", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount the overlay");
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH, &private) < 0)
		return error_sys(err, errno, "cannot make the overlay private");
	return 0;
}

/* No device nodes in an instance with mapped ids: no device rule of a cgroup need stand between it and the host's disks. */
static int mount_overlay(const char *source, const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int tree = open_overlay(source, overlay_options, map->size ? MOUNT_ATTR_NODEV : 0, err);

	return tree < 0 ? -1 : place_overlay(tree, err);
}

static int mount_lower(const char *lower, const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int tree = idmap_open_tree(lower, map, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);

	if (tree < 0)
		return -1;
	if (sys_move_mount(tree, "", AT_FDCWD, "lower", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount '%s'", lower);
	return 0;
}

/* The instance's folder at rootfs/, its files' ids those of the running instance. */
static int mount_upper(const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int userns = idmap_open_upper(map, err);
	AUTO_CLOSE int tree = userns < 0 ? -1 : idmap_open_tree_in(".", userns, MOUNT_ATTR_NODEV, err);

	if (tree < 0)
		return -1;
	if (sys_move_mount(tree, "", AT_FDCWD, "rootfs", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount the upper layer");
	return 0;
}

static int view_overlay(const char *lower, const char *source, const struct idmap *map, struct error *err)
{
	if (mount_lower(lower, map, err))
		return -1;
	return open_overlay(source, view_options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
}

static int raw_overlay(const char *lower, const char *source, const struct idmap *map, struct error *err)
{
	if (mount_lower(lower, map, err) || mount_upper(map, err))
		return -1;
	return open_overlay(source, raw_options, MOUNT_ATTR_NODEV, err);
}

typedef int overlay_fn(const char *lower, const char *source, const struct idmap *map, struct error *err);

/* In a mount namespace of our own, which ends when we are back in the old one: only the overlay keeps its layers. */
static int open_private(overlay_fn *open_it, const char *lower, const char *source, const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int old = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int tree;

	if (old < 0)
		return error_sys(err, errno, "cannot look at our mount namespace");
	tree = own_mounts(err) < 0 ? -1 : open_it(lower, source, map, err);
	if (setns(old, CLONE_NEWNS) == 0)
		return tree;
	error_sys(err, errno, "cannot leave the mount namespace");
	if (tree >= 0)
		close(tree);
	return -1;
}

static int mount_raw(const char *dir, int folder, const char *lower, const char *source, const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int tree = open_private(raw_overlay, lower, source, map, err);

	if (tree < 0)
		return error_wrap(err, "'%s/rootfs'", dir);
	if (fchdir(folder) < 0)
		return error_sys(err, errno, "cannot enter the instance's folder '%s'", dir);
	return place_overlay(tree, err);
}

static int mount_both(const char *dir, const char *lower, const char *source, const struct idmap *map, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (mount_lower(lower, map, err))
		return -1;
	if (mount_overlay(source, map, err)) {
		unmount_all(dir, "rootfs", &ignored);
		unmount_all(dir, "lower", &ignored);
		return error_wrap(err, "'%s/rootfs'", dir);
	}
	return unmount_all(dir, "lower", err);
}

int rootfs_mount(const char *dir, const char *lower, const struct idmap *map, struct error *err)
{
	AUTO_FREE char *source = source_text(lower, map, err);
	AUTO_CLOSE int lock = -1;

	if (!source)
		return -1;
	lock = enter(dir, err);
	if (lock < 0)
		return -1;
	if (is_mounted("rootfs")) {
		if (mounted_from(source))
			return unmount_all(dir, "lower", err);
		if (unmount_all(dir, "rootfs", err))
			return -1;
	}
	if (unmount_all(dir, "lower", err) || make_folders(dir, lower, map, err))
		return -1;
	return map->raw.n > 0 ? mount_raw(dir, lock, lower, source, map, err) : mount_both(dir, lower, source, map, err);
}

int rootfs_umount(const char *dir, struct error *err)
{
	AUTO_CLOSE int lock = -1;

	if (access(dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	lock = enter(dir, err);
	if (lock < 0 || unmount_all(dir, "rootfs", err) || unmount_all(dir, "lower", err))
		return -1;
	return 0;
}

int rootfs_view(const char *dir, const char *lower, const struct idmap *map, struct error *err)
{
	const struct idmap none = { 0 };
	AUTO_FREE char *source = source_text(lower, map, err);
	AUTO_CLOSE int lock = -1;
	int tree;

	if (!source)
		return -1;
	lock = enter(dir, err);
	if (lock < 0)
		return -1;
	if (is_mounted("rootfs") && mounted_from(source))
		return idmap_open_tree("rootfs", &none, MOUNT_ATTR_RDONLY, err);
	if (make_folders(dir, lower, map, err))
		return -1;
	tree = open_private(view_overlay, lower, source, map, err);
	if (tree < 0)
		error_wrap(err, "'%s'", dir);
	return tree;
}
