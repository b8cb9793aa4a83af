/* SPDX-License-Identifier: MIT */
#include "lxc/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "lxc/figures.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define PAYLOAD "lxc.payload."
#define INIT_SCOPE "/init.scope"

enum { PROC_CGROUP_MAX = 64 * 1024 };

int cgroup_load(pid_t pid, struct strbuf *text, struct error *err)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/cgroup", (int)pid);

	return fs_read_file(path, PROC_CGROUP_MAX, text, err);
}

/* Is `word` in the comma-separated list? The unified hierarchy's list is empty. */
static bool list_has(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (const char *end = list + len; list <= end; list++) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		size_t part = (size_t)((comma ? comma : end) - list);

		if (part == n && memcmp(list, word, n) == 0)
			return true;
		list += part;
	}
	return false;
}

/* The path in the controller's line "4:memory:/lxc.payload.c1", up to its newline; or NULL. */
static const char *line_path(const char *text, const char *controller, size_t *ret_len)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		const char *list = memchr(line, ':', len);
		const char *path = list ? memchr(list + 1, ':', (size_t)(line + len - list - 1)) : NULL;

		if (path && path[1] == '/' && list_has(list + 1, (size_t)(path - list - 1), controller)) {
			*ret_len = (size_t)(line + len - path - 1);
			return path + 1;
		}
		line += len + (line[len] == '\n');
	}
	return NULL;
}

static bool has_dotdot(const char *path, size_t len)
{
	for (size_t i = 0; i + 3 <= len; i++)
		if (memcmp(path + i, "/..", 3) == 0 && (i + 3 == len || path[i + 3] == '/'))
			return true;
	return false;
}

/* The length of the container's own part of the path. */
static size_t payload_len(const char *path, size_t len)
{
	const char *at = memmem(path, len, "/" PAYLOAD, strlen("/" PAYLOAD));
	size_t scope = strlen(INIT_SCOPE);

	if (at) {
		const char *slash = memchr(at + 1, '/', (size_t)(path + len - at - 1));

		return slash ? (size_t)(slash - path) : len;
	}
	/* lxc.cgroup.dir gave it another name; systemd as init sits one below */
	if (len >= scope && memcmp(path + len - scope, INIT_SCOPE, scope) == 0)
		return len - scope;
	return len;
}

bool cgroup_find(const char *text, const char *controller, enum cgroup_layout layout, struct cgroup_dir *ret)
{
	size_t len = 0;
	const char *path = *controller ? line_path(text, controller, &len) : NULL;
	const char *base;
	int n;

	ret->unified = !path;
	if (!path)
		path = line_path(text, "", &len);
	if (!path || has_dotdot(path, len))
		return false;
	len = payload_len(path, len);
	if (len <= 1 || len > PATH_MAX / 2)
		return false;
	base = !ret->unified ? controller : layout == CGROUP_UNIFIED ? "" : "unified";
	n = snprintf(ret->path, sizeof(ret->path), CGROUP_ROOT "%s%s%.*s", *base ? "/" : "", base, (int)len,
		     path);
	return n > 0 && (size_t)n < sizeof(ret->path);
}

static bool read_file(const struct cgroup_dir *dir, const char *file, char *buf, size_t size)
{
	AUTO_FREE char *path = fs_join(dir->path, file);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

static bool number(const char *s, uint64_t *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*ret = strtoull(s, &end, 10);
	return errno == 0 && (*end == '\n' || *end == '\0' || *end == ' ');
}

bool cgroup_read_u64(const struct cgroup_dir *dir, const char *file, uint64_t *ret)
{
	char buf[64];

	return read_file(dir, file, buf, sizeof(buf)) && number(buf, ret);
}

bool cgroup_read_key(const struct cgroup_dir *dir, const char *file, const char *key, uint64_t *ret)
{
	char buf[4096];
	size_t len = strlen(key);

	if (!read_file(dir, file, buf, sizeof(buf)))
		return false;
	for (const char *s = buf; *s; s++) {
		if (strncmp(s, key, len) == 0 && s[len] == ' ')
			return number(s + len + 1, ret);
		s += strcspn(s, "\n");
		if (!*s)
			break;
	}
	return false;
}

int cgroup_write(pid_t pid, const char *controller, const char *file, const char *value,
		 const struct probe *probe, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	struct cgroup_dir dir;

	if (cgroup_load(pid, &text, err) < 0)
		return -1;
	if (!cgroup_find(text.buf, controller, probe->cgroups, &dir) || dir.unified != !*controller)
		return error_set(err, ERROR_SYSTEM,
				 "cannot set '%s' to '%s': process %d has no cgroup for it", file, value,
				 (int)pid);
	path = fs_join(dir.path, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s' to write '%s'", path, value);
	if (write(fd, value, strlen(value)) < 0)
		return error_sys(err, errno, "cannot write '%s' to '%s'", value, path);
	return 0;
}

static bool has_group(const char *hierarchy, const char *kind, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/lxc.%s.%s", hierarchy, kind, name);

	return fs_exists(path);
}

/* True when it is gone, or was not there. */
static bool remove_group(const char *hierarchy, const char *kind, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/lxc.%s.%s", hierarchy, kind, name);

	return rmdir(path) == 0 || errno != EBUSY;
}

static bool is_clear(const char *hierarchy, const char *name)
{
	return !has_group(hierarchy, "monitor", name) && !has_group(hierarchy, "payload", name);
}

static bool sweep_hierarchy(const char *hierarchy, const char *name)
{
	bool monitor = remove_group(hierarchy, "monitor", name);

	return remove_group(hierarchy, "payload", name) && monitor;
}

/* True when fn is for every hierarchy. */
static bool all_hierarchies(bool (*fn)(const char *hierarchy, const char *name), const char *name)
{
	DIR *dir = opendir(CGROUP_ROOT);
	const struct dirent *d;
	bool all = fn(CGROUP_ROOT, name); /* unified */

	while (dir && (d = readdir(dir))) {
		AUTO_FREE char *hierarchy = fs_join(CGROUP_ROOT, d->d_name);

		if (d->d_name[0] != '.' && d->d_type == DT_DIR && !fn(hierarchy, name))
			all = false;
	}
	if (dir)
		closedir(dir);
	return all;
}

bool cgroup_left(const char *name)
{
	return !all_hierarchies(is_clear, name);
}

void cgroup_sweep(const char *name)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (int i = 0; i < 20 && !all_hierarchies(sweep_hierarchy, name); i++)
		nanosleep(&pause, NULL);
}
