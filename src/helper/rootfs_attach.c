/* SPDX-License-Identifier: MIT */
/*
 * Two things make this longer than a bind mount. Mount flags bind the container's root only when they are locked,
 * which the kernel does when a mount namespace is copied into a less privileged user namespace: so the mount makes a
 * detour through one. And everything that touches the container's files runs as its root, in its namespaces.
 */
#include "helper/rootfs_attach.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "helper/own_mounts.h"
#include "helper/rootfs_block.h"
#include "helper/rootfs_guest.h"
#include "helper/rootfs_sys.h"

#define WALK_RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define PLACEHOLDER_MODE 0 /* LXC's create=file has it too, and hardly anybody else's empty file */
#define STOP_DIR "/proc" /* is on every host; what we mount there is ours alone */
#define STOP STOP_DIR "/tree"

static int enter_mounts(const struct guest *g, struct error *err)
{
	if (setns(g->mnt, CLONE_NEWNS) < 0)
		return error_sys(err, errno, "cannot enter the mount namespace of process %d", (int)g->pid);
	return 0;
}

/* A mount namespace of our own with the tree at STOP. */
static int park_tree(int tree, bool is_dir, struct error *err)
{
	int fd;

	if (own_mounts(err) < 0 || own_tmpfs(STOP_DIR, err) < 0)
		return -1;
	fd = is_dir ? mkdir(STOP, 0755) : open(STOP, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(err, errno, "cannot make '%s'", STOP);
	if (!is_dir)
		close(fd);
	if (sys_move_mount(tree, "", AT_FDCWD, STOP, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount the source");
	return 0;
}

/* Ends as the container's root, with a tree whose flags are locked. */
static int lock_flags(const struct guest *g, int *tree, bool is_dir, struct error *err)
{
	if (g->same_user)
		return 0;
	if (park_tree(*tree, is_dir, err) || guest_become_root(g, err))
		return -1;
	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, errno, "cannot make a mount namespace in the container");
	close(*tree);
	*tree = sys_open_tree(AT_FDCWD, STOP, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (*tree < 0)
		return error_sys(err, errno, "cannot copy the mount of the source");
	return 0;
}

static int target_error(const char *target, struct error *err)
{
	if (errno == ELOOP || errno == ENOTDIR)
		return error_set(err, ERROR_INVALID, "'%s' in the container goes through a symbolic link or a file", target);
	return error_sys(err, errno, "cannot reach '%s' in the container", target);
}

/* One folder down; takes fd. */
static int step_down(int fd, const char *name, bool create, const char *target, struct error *err)
{
	int next;

	if (create && mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
		next = error_sys(err, errno, "cannot make '%s' in the container", target);
	else if ((next = sys_openat2(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, WALK_RESOLVE)) < 0)
		target_error(target, err);
	close(fd);
	return next;
}

/* Opens the folder that holds the target; *ret_name (caller frees) is the last part of its path. */
static int open_parent(const struct guest *g, const char *target, bool create, char **ret_name, struct error *err)
{
	AUTO_FREE char *path = mem_strdup(target);
	char *save = NULL, *name, *next;
	int fd = fcntl(g->root, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return error_sys(err, errno, "cannot open the container's root folder");
	name = strtok_r(path, "/", &save);
	for (; name; name = next) {
		next = strtok_r(NULL, "/", &save);
		if (!strcmp(name, ".") || !strcmp(name, ".."))
			break;
		if (!next) {
			*ret_name = mem_strdup(name);
			return fd;
		}
		fd = step_down(fd, name, create, target, err);
		if (fd < 0)
			return -1;
	}
	close(fd);
	return error_set(err, ERROR_INVALID, "invalid target '%s': must be a path below / without '.' and '..'", target);
}

static int make_target(int parent, const char *name, enum rootfs_create create)
{
	int fd;

	if (create == ROOTFS_CREATE_DIR)
		return mkdirat(parent, name, 0755);
	fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, PLACEHOLDER_MODE);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int open_target(const struct guest *g, const struct rootfs_attach *a, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = open_parent(g, a->target, a->create != ROOTFS_CREATE_NONE, &name, err);
	int fd;

	if (parent < 0 || !name)
		return -1;
	if (a->create != ROOTFS_CREATE_NONE && make_target(parent, name, a->create) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s' in the container", a->target);
	fd = sys_openat2(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, WALK_RESOLVE);
	if (fd < 0)
		target_error(a->target, err);
	return fd;
}

static int stat_fd(int fd, struct statx *ret)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO, ret);
}

/* What is mounted at the target, or the target itself. */
static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_dev_major == b->stx_dev_major && a->stx_dev_minor == b->stx_dev_minor && a->stx_ino == b->stx_ino;
}

static int mount_at_target(const struct guest *g, int tree, const struct rootfs_attach *a, struct error *err)
{
	AUTO_CLOSE int target = open_target(g, a, err);
	struct statx src, dst;

	if (target < 0)
		return -1;
	if (stat_fd(tree, &src) < 0 || stat_fd(target, &dst) < 0)
		return error_sys(err, errno, "cannot read '%s' in the container", a->target);
	if (S_ISLNK(dst.stx_mode))
		return error_set(err, ERROR_INVALID, "'%s' in the container is a symbolic link", a->target);
	if (S_ISDIR(src.stx_mode) != S_ISDIR(dst.stx_mode))
		return error_set(err, ERROR_INVALID, "'%s' is a %s, '%s' in the container is a %s", a->source,
				 S_ISDIR(src.stx_mode) ? "folder" : "file", a->target,
				 S_ISDIR(dst.stx_mode) ? "folder" : "file");
	if ((dst.stx_attributes & STATX_ATTR_MOUNT_ROOT) && is_same(&src, &dst))
		return 0;
	if (sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount '%s' at '%s' in the container", a->source, a->target);
	return 0;
}

static int attach_tree(const struct guest *g, int *tree, const struct rootfs_attach *a, struct error *err)
{
	struct stat st;

	if (fstat(*tree, &st) < 0)
		return error_sys(err, errno, "cannot read '%s'", a->source);
	if (lock_flags(g, tree, S_ISDIR(st.st_mode), err) || enter_mounts(g, err))
		return -1;
	return mount_at_target(g, *tree, a, err);
}

static int open_source(const struct rootfs_attach *a, struct error *err)
{
	static const struct idmap none;
	AUTO_FREE char *options = mem_strdup(a->options ? a->options : "");
	uint64_t attrs = a->readonly ? MOUNT_ATTR_RDONLY : 0;
	struct stat st;
	int tree;

	if (stat(a->source, &st) == 0 && S_ISBLK(st.st_mode))
		return block_open_tree(a, err);
	block_take_flags(options, &attrs);
	if (*options)
		return error_set(err, ERROR_INVALID, "invalid mount option '%s': only the file system of a block device has any of its own",
				 options);
	tree = idmap_open_tree(a->source, &a->map, attrs, err);
	if (tree >= 0 || err->code != ERROR_UNSUPPORTED || !a->or_plain)
		return tree;
	error_clear(err);
	return idmap_open_tree(a->source, &none, attrs, err);
}

int rootfs_attach(const struct rootfs_attach *a, struct error *err)
{
	struct guest g = GUEST_INIT;
	int tree, rc = -1;

	umask(022);
	tree = open_source(a, err);
	if (tree < 0)
		return -1;
	if (guest_open(&g, a->pid, err) == 0)
		rc = attach_tree(&g, &tree, a, err);
	guest_close(&g);
	if (tree >= 0)
		close(tree);
	return rc;
}

static bool is_placeholder(const struct statx *st)
{
	return S_ISREG(st->stx_mode) && (st->stx_mode & 07777) == PLACEHOLDER_MODE && st->stx_size == 0 &&
	       st->stx_nlink == 1 && st->stx_uid == 0 && st->stx_gid == 0 &&
	       !(st->stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int look_at(int parent, const char *name, struct statx *ret)
{
	return statx(parent, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, ret);
}

/* With the rights of the container's root: what it may put there in between is what it could remove itself. */
static void remove_placeholder(int parent, const char *name, const char *target)
{
	struct statx st;

	if (look_at(parent, name, &st) < 0 || !is_placeholder(&st))
		return;
	if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		fprintf(stderr, "berth-rootfs: the empty file '%s' stays in the container: %s\n", target, strerror(errno));
}

static int unmount_at(int parent, const char *name, const char *target, struct error *err)
{
	if (fchdir(parent) < 0)
		return target_error(target, err);
	if (umount2(name, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno != EBUSY || umount2(name, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
		return error_sys(err, errno, "cannot unmount '%s' in the container", target);
	fprintf(stderr, "berth-rootfs: '%s' is in use in the container: detached, it goes away with its last user\n", target);
	return 0;
}

static int unmount_target(const struct guest *g, const char *target, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = open_parent(g, target, false, &name, err);
	struct statx st;

	if (parent < 0 || !name)
		return err->sys == ENOENT ? 0 : -1;
	if (look_at(parent, name, &st) < 0)
		return errno == ENOENT ? 0 : target_error(target, err);
	if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) && unmount_at(parent, name, target, err) < 0)
		return -1;
	remove_placeholder(parent, name, target);
	return 0;
}

int rootfs_detach(pid_t pid, const char *target, struct error *err)
{
	struct guest g = GUEST_INIT;
	int rc = -1;

	if (guest_open(&g, pid, err) == 0 && guest_become_root(&g, err) == 0 && enter_mounts(&g, err) == 0)
		rc = unmount_target(&g, target, err);
	guest_close(&g);
	return rc;
}
