/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_idmap.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "helper/rootfs_sys.h"

static int parse_id(const char **p, char end, uint32_t *ret)
{
	char *stop;
	unsigned long long n;

	if (**p < '0' || **p > '9')
		return -1;
	errno = 0;
	n = strtoull(*p, &stop, 10);
	if (errno || *stop != end || n > UINT32_MAX)
		return -1;
	*ret = (uint32_t)n;
	*p = stop + (end != '\0');
	return 0;
}

int idmap_parse(const char *text, struct idmap *ret, struct error *err)
{
	const char *p = text;

	*ret = (struct idmap){ 0 };
	if (!strcmp(text, "none"))
		return 0;
	if (parse_id(&p, ':', &ret->base) || parse_id(&p, '\0', &ret->size) || ret->size == 0 ||
	    ret->base > UINT32_MAX - ret->size)
		return error_set(err, ERROR_INVALID, "invalid id map '%s': must be BASE:SIZE or 'none'", text);
	return 0;
}

struct idmap idmap_between(const struct idmap *from, const struct idmap *to)
{
	uint32_t size = from->size == 0 || (to->size != 0 && to->size < from->size) ? to->size : from->size;

	return (struct idmap){ .base = to->base, .size = size, .from = from->base };
}

int idmap_shift(const struct idmap *map, uint32_t id, uint32_t *ret)
{
	if (map->size == 0) {
		*ret = id;
		return 0;
	}
	if (id < map->from || id - map->from >= map->size)
		return -1;
	*ret = map->base + (id - map->from);
	return 0;
}

static int write_map(pid_t pid, const char *file, const struct idmap *map, struct error *err)
{
	char path[64], line[64];
	AUTO_CLOSE int fd = -1;
	int len;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	len = snprintf(line, sizeof(line), "0 %u %u\n", map->base, map->size);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		return error_sys(err, errno, "cannot map ids %u:%u for an idmapped mount", map->base, map->size);
	return 0;
}

static int open_userns_of(pid_t pid, const struct idmap *map, struct error *err)
{
	char path[64];
	int fd;

	if (write_map(pid, "uid_map", map, err) || write_map(pid, "gid_map", map, err))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return fd;
}

/* A child is the only way to make a user namespace without entering it; it ends when our end of the pipe closes. */
int idmap_open_userns(const struct idmap *map, struct error *err)
{
	int fd, hold[2];
	pid_t pid;

	if (pipe2(hold, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		char c;

		close(hold[1]);
		while (read(hold[0], &c, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	close(hold[0]);
	if (pid < 0) {
		fd = error_sys(err, errno, "cannot make a user namespace");
		close(hold[1]);
		return fd;
	}
	fd = open_userns_of(pid, map, err);
	close(hold[1]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

int idmap_become_root(const struct idmap *map, struct error *err)
{
	AUTO_CLOSE int userns = -1;

	if (map->size == 0)
		return 0;
	userns = idmap_open_userns(map, err);
	if (userns < 0)
		return -1;
	return sys_become_root(userns) < 0 ? error_sys(err, errno, "cannot take the ids of the instance") : 0;
}

int idmap_open_tree(const char *path, const struct idmap *map, uint64_t attrs, struct error *err)
{
	AUTO_CLOSE int userns = -1;
	struct sys_mount_attr attr = { .attr_set = attrs, .propagation = MS_PRIVATE };
	int tree, sys;

	tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return error_sys(err, errno, "cannot open the tree '%s'", path);
	if (map->size) {
		userns = idmap_open_userns(map, err);
		if (userns < 0) {
			close(tree);
			return -1;
		}
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)userns;
	}
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr) == 0)
		return tree;
	sys = errno;
	close(tree);
	if (map->size && (sys == EINVAL || sys == ENOSYS))
		return error_set(err, ERROR_UNSUPPORTED,
				 "cannot map the ids of '%s': its file system or this kernel has no idmapped mounts",
				 path);
	return error_sys(err, sys, "cannot set the mount attributes of '%s'", path);
}
