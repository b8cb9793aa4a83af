/* SPDX-License-Identifier: MIT */
#include "helper/own_mounts.h"

#include <errno.h>
#include <sched.h>

#include "base/mem.h"
#include "helper/rootfs_sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int own_mounts(struct error *err)
{
	const struct sys_mount_attr attr = { .propagation = MS_PRIVATE };

	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, errno, "cannot make a mount namespace");
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr) == 0)
		return 0;
	if (errno != ENOSYS || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) /* Linux 5.11 */
		return error_sys(err, errno, "cannot make the mount namespace private");
	return 0;
}

int own_tmpfs(const char *dir, struct error *err)
{
	AUTO_CLOSE int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);
	AUTO_CLOSE int tree = -1;

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_sys(err, errno, "cannot make a tmpfs");
	tree = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (tree < 0 || sys_move_mount(tree, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount a tmpfs at '%s'", dir);
	return 0;
}
