/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_open.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/units.h"
#include "helper/own_mounts.h"
#include "helper/rootfs_guest.h"
#include "helper/rootfs_mount.h"
#include "helper/rootfs_sys.h"

enum { PID_LIMIT = 4194304 };

int rootfs_open_option(struct rootfs_open *o, int c, const char *value, struct error *err)
{
	int64_t pid = 0;

	switch (c) {
	case 'P':
		if (units_parse_int(value, 1, PID_LIMIT, &pid, err) < 0)
			return -1;
		o->pid = (pid_t)pid;
		return 0;
	case 'D':
		o->dir = value;
		return 0;
	case 'L':
		o->lower = value;
		return 0;
	case 'I':
		o->mapped = true;
		return idmap_parse(value, &o->map, err);
	case 'S':
		o->unshifted = true;
		return 0;
	default:
		return 1;
	}
}

bool rootfs_open_complete(const struct rootfs_open *o)
{
	return (o->pid > 0) != (o->dir != NULL) && (o->dir != NULL) == o->mapped;
}

static int open_running(pid_t pid, int *ret_pidfd, struct error *err)
{
	struct guest g = GUEST_INIT;
	int root = -1;

	*ret_pidfd = sys_pidfd_open(pid); /* before guest_open(), which sees that this process is the container's still */
	if (*ret_pidfd < 0 || guest_open(&g, pid, err) < 0) {
		error_clear(err);
		error_set(err, ERROR_NOT_FOUND, "the container has just ended");
	} else if (guest_become_root(&g, err) == 0) {
		root = g.root;
		g.root = -1;
	}
	guest_close(&g);
	return root;
}

static int open_plain(const struct rootfs_open *o, const char *rootfs, struct error *err)
{
	int root;

	if (o->unshifted && o->map.size > 0)
		return idmap_open_tree(rootfs, &o->map, MOUNT_ATTR_NODEV, err);
	root = open(rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return root < 0 ? error_sys(err, errno, "cannot open '%s'", rootfs) : root;
}

static int open_stopped(const struct rootfs_open *o, struct error *err)
{
	AUTO_FREE char *rootfs = fs_join(o->dir, "rootfs");
	int root;

	if (o->lower != NULL) {
		if (own_mounts(err) < 0 || rootfs_mount(o->dir, o->lower, &o->map, err) < 0)
			return -1;
	}
	root = open_plain(o, rootfs, err);
	if (root < 0)
		return -1;
	if (idmap_become_root(&o->map, err) < 0) {
		close(root);
		return -1;
	}
	return root;
}

int rootfs_open(const struct rootfs_open *o, int *ret_pidfd, struct error *err)
{
	const pid_t parent = getppid();
	int root;

	*ret_pidfd = -1;
	root = o->pid > 0 ? open_running(o->pid, ret_pidfd, err) : open_stopped(o, err);
	/* the change of ids forgot it */
	if (root >= 0 && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)) {
		close(root);
		return error_set(err, ERROR_CANCELLED, "the caller is gone");
	}
	return root;
}
