/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_enter.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/fs.h"
#include "base/mem.h"
#include "helper/rootfs_mount.h"
#include "helper/rootfs_sys.h"

/* The program's own file, because its folder may be closed to the ids we are about to take. */
static int open_program(const char *name, char **ret_path, struct error *err)
{
	int fd;

	*ret_path = strchr(name, '/') != NULL ? mem_strdup(name) : fs_find_program(name);
	if (*ret_path == NULL)
		return error_set(err, ERROR_TOOL, "cannot run '%s': it is not in PATH", name);
	fd = open(*ret_path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot run '%s'", name) : fd;
}

static int open_view(const struct rootfs_enter *e, struct error *err)
{
	const struct idmap none = { 0 };
	AUTO_FREE char *rootfs = NULL;

	if (e->lower != NULL)
		return rootfs_view(e->instance_dir, e->lower, &e->map, err);
	rootfs = mem_printf("%s/rootfs", e->instance_dir);
	return idmap_open_tree(rootfs, &none, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
}

/* The change of ids forgets that we are to die with our parent. */
static int take_ids(const struct idmap *map, pid_t parent, struct error *err)
{
	if (idmap_become_root(map, err) < 0)
		return -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return error_set(err, ERROR_CANCELLED, "the caller is gone");
	return 0;
}

int rootfs_enter(const struct rootfs_enter *e, char **argv, struct error *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int program = open_program(argv[0], &path, err);
	AUTO_CLOSE int view = -1;
	const pid_t parent = getppid();

	if (program < 0 || path == NULL)
		return -1;
	view = open_view(e, err);
	if (view < 0)
		return -1;
	if (fchdir(view) < 0)
		return error_sys(err, errno, "cannot enter the file system of '%s'", e->instance_dir);
	if (take_ids(&e->map, parent, err) < 0)
		return -1;
	fexecve(program, argv, environ);
	execv(path, argv); /* a script is opened again, by its name */
	return error_sys(err, errno, "cannot run '%s'", path);
}
