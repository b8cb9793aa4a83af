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
	const char *p = text, *raw;

	*ret = (struct idmap){ 0 };
	if (!strcmp(text, "none"))
		return 0;
	raw = strchr(text, ',');
	if (parse_id(&p, ':', &ret->base) || parse_id(&p, raw ? ',' : '\0', &ret->size) || ret->size == 0 ||
	    ret->base > UINT32_MAX - ret->size)
		return error_set(err, ERROR_INVALID, "invalid id map '%s': must be BASE:SIZE or 'none'", text);
	return raw ? raw_idmap_scan(raw + 1, &ret->raw, err) : 0;
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

static int write_map(pid_t pid, const char *file, const struct id_extents *map, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_CLOSE int fd = -1;
	char path[64];

	for (size_t i = 0; i < map->n; i++)
		strbuf_addf(&text, "%u %u %u\n", map->v[i].ns, map->v[i].host, map->v[i].len);
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text.buf, text.len) != (ssize_t)text.len) /* the kernel takes it at once or not at all */
		return error_sys(err, errno, "cannot map ids %u:%u for an idmapped mount", map->v[0].host, map->v[0].len);
	return 0;
}

static int open_userns_of(pid_t pid, const struct id_extents *users, const struct id_extents *groups, struct error *err)
{
	char path[64];
	int fd;

	if (write_map(pid, "uid_map", users, err) || write_map(pid, "gid_map", groups, err))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return fd;
}

/* A child is the only way to make a user namespace without entering it; it ends when our end of the pipe closes. */
static int open_userns(const struct id_extents *users, const struct id_extents *groups, struct error *err)
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
	fd = open_userns_of(pid, users, groups, err);
	close(hold[1]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

static int extents_of(const struct idmap *map, struct id_extents *users, struct id_extents *groups, struct error *err)
{
	if (raw_idmap_extents(&map->raw, map->base, map->size, false, users, err) < 0)
		return -1;
	return raw_idmap_extents(&map->raw, map->base, map->size, true, groups, err);
}

int idmap_open_userns(const struct idmap *map, struct error *err)
{
	struct id_extents users, groups;

	return extents_of(map, &users, &groups, err) < 0 ? -1 : open_userns(&users, &groups, err);
}

/* From the ids on disk rather than the instance's. */
static void as_on_disk(struct id_extents *map, uint32_t base)
{
	for (size_t i = 0; i < map->n; i++)
		map->v[i].ns += base;
	map->v[map->n++] = (struct id_extent){ .len = 1 };
}

int idmap_open_upper(const struct idmap *map, struct error *err)
{
	struct id_extents users, groups;

	if (extents_of(map, &users, &groups, err) < 0)
		return -1;
	as_on_disk(&users, map->base);
	as_on_disk(&groups, map->base);
	return open_userns(&users, &groups, err);
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

int idmap_set_attrs(int tree, const char *path, int userns, uint64_t attrs, struct error *err)
{
	struct sys_mount_attr attr = { .attr_set = attrs, .propagation = MS_PRIVATE };

	if (userns >= 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)userns;
	}
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr) == 0)
		return 0;
	if (userns >= 0 && (errno == EINVAL || errno == ENOSYS))
		return error_set(err, ERROR_UNSUPPORTED,
				 "cannot map the ids of '%s': its file system or this kernel has no idmapped mounts",
				 path);
	return error_sys(err, errno, "cannot set the mount attributes of '%s'", path);
}

int idmap_open_tree_in(const char *path, int userns, uint64_t attrs, struct error *err)
{
	int tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return error_sys(err, errno, "cannot open the tree '%s'", path);
	if (idmap_set_attrs(tree, path, userns, attrs, err) == 0)
		return tree;
	close(tree);
	return -1;
}

int idmap_open_tree(const char *path, const struct idmap *map, uint64_t attrs, struct error *err)
{
	AUTO_CLOSE int userns = -1;

	if (map->size == 0)
		return idmap_open_tree_in(path, -1, attrs, err);
	userns = idmap_open_userns(map, err);
	return userns < 0 ? -1 : idmap_open_tree_in(path, userns, attrs, err);
}
