/* SPDX-License-Identifier: MIT */
#include "helper/file_path.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "helper/file_link.h"
#include "helper/rootfs_sys.h"

#define LINKS_MAX 40
#define RACES_MAX 64 /* with renames in the container: openat2(2) has us try again */

char *file_path_clean(const char *path)
{
	struct strbuf out = STRBUF_INIT;

	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (out.len > 0 && out.buf[out.len - 1] != '/')
				strbuf_truncate(&out, out.len - 1);
			if (out.len > 0)
				strbuf_truncate(&out, out.len - 1);
		} else if (n > 0 && !(n == 1 && *path == '.')) {
			strbuf_addch(&out, '/');
			strbuf_add(&out, path, n);
		}
		path += n + (path[n] == '/');
	}
	if (out.len == 0)
		strbuf_addch(&out, '/');
	return strbuf_detach(&out);
}

static int open_in(int root, const char *path, int flags)
{
	int fd = -1;

	for (int i = 0; i < RACES_MAX; i++) {
		fd = sys_openat2(root, path[1] != '\0' ? path + 1 : ".", flags | O_PATH | O_CLOEXEC,
				 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

int file_path_lookup(int root, const char *path, bool follow)
{
	return open_in(root, path, follow ? 0 : O_NOFOLLOW);
}

int file_path_parent(int root, const char *path, char **ret_name)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = NULL;
	int fd;

	*ret_name = NULL;
	if (slash == NULL || strcmp(slash, "/..") == 0) { /* only a link can say that */
		errno = slash == NULL ? EINVAL : EISDIR;
		return -1;
	}
	folder = slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
	fd = open_in(root, folder, O_DIRECTORY);
	if (fd >= 0)
		*ret_name = mem_strdup(slash[1] != '\0' ? slash + 1 : ".");
	return fd;
}

char *file_path_readlink(int parent, const char *name)
{
	char *target = mem_alloc(PATH_MAX + 1);
	ssize_t n = readlinkat(parent, name, target, PATH_MAX);

	if (n < 0) {
		int sys = errno;

		free(target);
		errno = sys;
		return NULL;
	}
	target[n] = '\0';
	return target;
}

/* Where the link leads, as a path from the root: ".." in it is left to openat2(2), which knows the links before it. */
static char *target_path(const char *path, const char *target)
{
	size_t folder = (size_t)(strrchr(path, '/') - path);

	if (target[0] == '/')
		return mem_strdup(target);
	return mem_printf("%.*s/%s", (int)folder, path, target);
}

static void drop_slashes(char *path)
{
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
}

static bool is_link(int parent, const char *name)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

int file_path_final(int root, const char *path, char **ret_name)
{
	AUTO_FREE char *at = mem_strdup(path);

	for (int i = 0; i < LINKS_MAX; i++) {
		int parent = file_path_parent(root, at, ret_name);
		AUTO_FREE char *target = NULL;
		char *next;

		if (parent < 0 || !is_link(parent, *ret_name))
			return parent;
		target = file_path_readlink(parent, *ret_name);
		mem_cleanup_close(&parent);
		free(*ret_name);
		*ret_name = NULL;
		if (target == NULL)
			return -1;
		next = target_path(at, target);
		drop_slashes(next);
		free(at);
		at = next;
	}
	errno = ELOOP;
	return -1;
}

int file_path_reopen(int fd, int flags)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

int file_path_error(const char *verb, const char *path, int sys, struct error *err)
{
	AUTO_FREE char *text = file_link_text(path);
	char why[128];

	if (sys == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "Not Found");
	snprintf(why, sizeof(why), "%s", strerror(sys));
	why[0] = (char)tolower((unsigned char)why[0]);
	if (sys == EPERM || sys == EACCES)
		return error_set(err, ERROR_FORBIDDEN, "sftp: \"%s %.700s: %s\" (SSH_FX_PERMISSION_DENIED)", verb, text, why);
	return error_set(err, ERROR_SYSTEM, "sftp: \"%s %.700s: %s\" (SSH_FX_FAILURE)", verb, text, why);
}
