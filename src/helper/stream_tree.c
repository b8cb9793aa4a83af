/* SPDX-License-Identifier: MIT */
#include "helper/stream_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "helper/migrate_jail.h"
#include "helper/migrate_unshift.h"
#include "helper/stream_apply.h"
#include "helper/unpack_parts.h"

#define TREE "tree"
#define PARENT "parent"
#define LAST "last"
#define ROOTFS "rootfs"
#define LIFTED ".berth-rootfs" /* rootfs, while what is in it moves up */

enum { XATTRS_MAX = 65536, FACTS_MAX = 64 << 20 };

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- subvolumes */

static int subvolume_new(int dir, const char *name, struct error *err)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &args) == 0 ? 0 : error_sys(err, errno, "cannot make a subvolume");
}

static int subvolume_delete(int dir, const char *name, struct error *err)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ioctl(dir, BTRFS_IOC_SNAP_DESTROY, &args) == 0 || errno == ENOENT ? 0 : error_sys(err, errno, "cannot delete a subvolume");
}

static int snapshot(int from, int dir, const char *name, bool readonly, struct error *err)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = from, .flags = readonly ? BTRFS_SUBVOL_RDONLY : 0 };

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &args) == 0 ? 0 : error_sys(err, errno, "cannot make a snapshot");
}

int stream_prepare(const struct restore_options *o, struct error *err)
{
	AUTO_CLOSE int dir = open_dir(AT_FDCWD, o->into);
	AUTO_CLOSE int tree = -1;

	if (dir < 0)
		return error_sys(err, errno, "cannot open '%s'", o->into);
	if (faccessat(dir, LAST, F_OK, 0) < 0)
		return subvolume_new(dir, TREE, err);
	tree = open_dir(dir, TREE);
	if (tree < 0)
		return error_sys(err, errno, "cannot open '%s/" TREE "'", o->into);
	return subvolume_delete(dir, PARENT, err) < 0 ? -1 : snapshot(tree, dir, PARENT, true, err);
}

/* ---- the jail */

static long from_stdin(void *data, void *buf, size_t len, struct error *err)
{
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, len)) < 0 && errno == EINTR)
		;
	return n < 0 ? error_sys(err, errno, "cannot read the stream") : n;
}

/* The parent's UUID, if there is one, is replaced by that of this stream. */
static int apply(const struct restore_options *o, struct error *err)
{
	struct stream_target t = { .max_bytes = o->backup.max_bytes, .max_entries = o->backup.max_entries,
				   .max_id = o->backup.max_id, .shift = o->backup.shift };
	AUTO_CLOSE int dir = open_dir(AT_FDCWD, "/data");
	AUTO_CLOSE int tree = open_dir(dir, TREE);
	AUTO_CLOSE int parent = open_dir(dir, PARENT);
	AUTO_CLOSE int last = openat(dir, LAST, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stream *s;
	int rc;

	if (tree < 0 || last < 0 || (parent >= 0 && pread(last, t.uuid, STREAM_UUID, 0) != STREAM_UUID))
		return error_set(err, ERROR_SYSTEM, "cannot open the tree that the stream is for");
	t.tree = tree;
	t.parent = parent;
	s = stream_new(from_stdin, NULL);
	rc = stream_apply(s, &t, err);
	stream_free(s);
	if (rc == 0 && pwrite(last, t.uuid, STREAM_UUID, 0) != STREAM_UUID)
		return error_sys(err, errno, "cannot note the stream's UUID");
	return rc;
}

static int in_jail(void *arg)
{
	struct error err = ERROR_INIT;

	umask(022);
	if (apply(arg, &err) == 0)
		return 0;
	dprintf(STDERR_FILENO, "%s\n", err.msg);
	return EXIT_REFUSED;
}

_Noreturn void stream_become(const struct restore_options *o, int in, int errs, pid_t parent)
{
	struct restore_options copy = *o;
	const struct jail jail = { .data = o->into, .rootfs = -1, .run = in_jail, .arg = &copy };
	const int fds[4] = { 0, 1, 2, -1 };

	/* nothing is executed that would close the other ends of the pipes */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || dup2(in, 0) < 0 || dup2(errs, 1) < 0 || dup2(errs, 2) < 0 ||
	    close_range(3, ~0U, 0) < 0)
		_exit(127);
	jail_run(&jail, NULL, fds);
}

/* ---- LXD's subvolume of an instance: rootfs, and beside it what else belongs to it; ours is what is in rootfs */

/* What `berth-restore facts` reads. Only names that are there: tar would complain. */
static int save_facts(const struct restore_options *o, int dir, struct error *err)
{
	static const char *const names[] = { "metadata.yaml", "templates" };
	AUTO_FREE char *at = mem_printf("/proc/self/fd/%d", dir);
	const struct rlimit most = { FACTS_MAX, FACTS_MAX };
	const char *argv[12] = { "tar", "-c", "-C", at, "--transform=flags=rSh;s,^,backup/container/,", "--", NULL };
	AUTO_CLOSE int out = open(o->facts, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	pid_t pid;
	size_t n = 6;
	int status;

	if (out < 0)
		return error_sys(err, errno, "cannot make '%s'", o->facts);
	for (size_t i = 0; i < 2; i++)
		if (faccessat(dir, names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			argv[n++] = names[i];
	if (n == 6)
		return unlink(o->facts);
	if (fcntl(dir, F_SETFD, 0) < 0)
		return error_sys(err, errno, "cannot use a folder");
	pid = part_fork();
	if (pid == 0 && setrlimit(RLIMIT_FSIZE, &most) == 0)
		part_become(argv, STDIN_FILENO, out, STDERR_FILENO);
	if (pid == 0)
		_exit(127);
	status = part_wait(pid);
	return status == 0 ? 0 : error_set(err, ERROR_TOOL, "tar could not read the metadata and templates (status %d)", status);
}

/* All but `but`, by moving it to `to`, or for good. */
static int each(int dir, const char *but, int to, struct error *err)
{
	int copy = open_dir(dir, "."), rc = 0;
	DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *d;

	if (list == NULL)
		return error_sys(err, errno, "cannot read the tree");
	while (rc == 0 && (d = readdir(list)) != NULL) {
		AUTO_FREE char *path = mem_printf("/proc/self/fd/%d/%s", dir, d->d_name);

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || strcmp(d->d_name, but) == 0)
			continue;
		if (to < 0)
			rc = fs_remove_tree(path, err);
		else if (renameat(dir, d->d_name, to, d->d_name) < 0)
			rc = error_sys(err, errno, "cannot move what is in rootfs");
	}
	closedir(list);
	return rc;
}

static int copy_xattrs(int from, int to, struct error *err)
{
	AUTO_FREE char *names = mem_alloc(XATTRS_MAX);
	AUTO_FREE char *value = mem_alloc(XATTRS_MAX);
	ssize_t len = flistxattr(from, names, XATTRS_MAX);

	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t n = fgetxattr(from, name, value, XATTRS_MAX);

		if (n < 0 || fsetxattr(to, name, value, (size_t)n, 0) < 0)
			return error_sys(err, errno, "cannot keep the attributes of rootfs");
	}
	return len < 0 ? error_sys(err, errno, "cannot read the attributes of rootfs") : 0;
}

static int lift(const struct restore_options *o, int dir, struct error *err)
{
	AUTO_CLOSE int rootfs = open_dir(dir, ROOTFS);
	struct stat st;

	if (rootfs < 0 || fstat(rootfs, &st) < 0)
		return error_set(err, ERROR_INVALID, "the backup's stream holds no " ROOTFS);
	if (o->facts != NULL && save_facts(o, dir, err) < 0)
		return -1;
	if (each(dir, ROOTFS, -1, err) < 0)
		return -1;
	if (renameat(dir, ROOTFS, dir, LIFTED) < 0)
		return error_sys(err, errno, "cannot move " ROOTFS);
	if (each(rootfs, "", dir, err) < 0 || copy_xattrs(rootfs, dir, err) < 0)
		return -1;
	if (unlinkat(dir, LIFTED, AT_REMOVEDIR) < 0 || fchown(dir, st.st_uid, st.st_gid) < 0 || fchmod(dir, st.st_mode & 07777) < 0 ||
	    futimens(dir, (struct timespec[2]){ st.st_atim, st.st_mtim }) < 0)
		return error_sys(err, errno, "cannot move what is in " ROOTFS);
	return 0;
}

int stream_keep(const struct restore_options *o, struct error *err)
{
	AUTO_FREE char *from = fs_join(o->into, TREE);
	const char *slash = strrchr(o->keep, '/');
	AUTO_FREE char *folder = mem_strndup(o->keep, (size_t)(slash - o->keep));
	AUTO_CLOSE int tree = open_dir(AT_FDCWD, from);
	AUTO_CLOSE int parent = open_dir(AT_FDCWD, folder);
	AUTO_CLOSE int dir = -1;

	if (tree < 0 || parent < 0)
		return error_sys(err, errno, "cannot open '%s', or '%s'", from, folder);
	if (snapshot(tree, parent, slash + 1, false, err) < 0)
		return -1;
	dir = open_dir(parent, slash + 1);
	if (dir < 0)
		return error_sys(err, errno, "cannot open '%s'", o->keep);
	if (o->lift && lift(o, dir, err) < 0)
		return -1;
	return o->backup.devices ? 0 : migrate_drop_devices(o->keep, err);
}
