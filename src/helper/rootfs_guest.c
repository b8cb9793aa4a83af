/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_guest.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "helper/rootfs_sys.h"

void guest_close(struct guest *g)
{
	if (g->user >= 0)
		close(g->user);
	if (g->mnt >= 0)
		close(g->mnt);
	if (g->root >= 0)
		close(g->root);
}

static int open_proc(pid_t pid, const char *name, int flags, struct error *err)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return fd;
}

static bool is_own(const char *ns, int fd)
{
	struct stat own, its;

	return stat(ns, &own) == 0 && fstat(fd, &its) == 0 && own.st_dev == its.st_dev &&
	       own.st_ino == its.st_ino;
}

/* The pidfd is open before and its process alive after the files in /proc were opened: they are that process's. */
int guest_open(struct guest *g, pid_t pid, struct error *err)
{
	AUTO_CLOSE int pidfd = sys_pidfd_open(pid);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return error_sys(err, errno, "cannot find the container's process %d", (int)pid);
	g->pid = pid;
	g->user = open_proc(pid, "ns/user", O_RDONLY, err);
	if (g->user < 0)
		return -1;
	g->mnt = open_proc(pid, "ns/mnt", O_RDONLY, err);
	if (g->mnt < 0)
		return -1;
	g->root = open_proc(pid, "root", O_PATH | O_DIRECTORY, err);
	if (g->root < 0)
		return -1;
	if (poll(&ended, 1, 0) != 0)
		return error_set(err, ERROR_NOT_FOUND, "the container's process %d has just ended", (int)pid);
	if (is_own("/proc/self/ns/mnt", g->mnt))
		return error_set(err, ERROR_INVALID, "process %d is not in a container", (int)pid);
	g->same_user = is_own("/proc/self/ns/user", g->user);
	return 0;
}

int guest_become_root(const struct guest *g, struct error *err)
{
	if (g->same_user)
		return 0;
	if (sys_become_root(g->user) < 0)
		return error_sys(err, errno, "cannot become root in the container of process %d", (int)g->pid);
	return 0;
}
