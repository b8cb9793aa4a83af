/* SPDX-License-Identifier: MIT */
#include "helper/file_get.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/chunk.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "helper/file_path.h"

static int tell(struct file_link *l, const char *type, const struct stat *st, int64_t size, struct error *err)
{
	cJSON *head = cJSON_CreateObject();
	char modified[64];
	struct tm tm;

	json_set_int(head, "status", 200);
	json_set_str(head, "type", type);
	json_set_int(head, "mode", st->st_mode & 0777); /* LXD: no set-user-id on its way to another host */
	json_set_int(head, "uid", st->st_uid);
	json_set_int(head, "gid", st->st_gid);
	json_set_int(head, "size", size);
	if (gmtime_r(&st->st_mtime, &tm) != NULL && strftime(modified, sizeof(modified), "%F %T +0000 UTC", &tm) > 0)
		json_set_str(head, "modified", modified);
	return file_link_json(l, head, err);
}

/* Fills buf as far as the file goes: bytes, or -1 with errno. */
static ssize_t fill(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int send_rest(struct file_link *l, int fd, const char *path, char *buf, int64_t left, struct error *err)
{
	while (left != 0) {
		ssize_t n = fill(fd, buf, left > 0 && left < CHUNK_MAX ? (size_t)left : CHUNK_MAX);

		if (n < 0)
			return file_path_error("read", path, errno, err);
		if (n == 0 && left > 0)
			return error_set(err, ERROR_SYSTEM, "the file became shorter while it was read");
		if (n == 0)
			break;
		if (file_link_write(l, buf, (size_t)n, err) < 0)
			return -1;
		left -= left > 0 ? n : 0;
	}
	return file_link_write(l, "", 0, err);
}

/* Small ones are read before their size is told: those of /proc and /sys do not know it. */
static int get_file(int root_fd, const char *path, const struct stat *st, struct file_link *l, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK_MAX);
	AUTO_CLOSE int fd = file_path_reopen(root_fd, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : fill(fd, buf, CHUNK_MAX);
	int64_t size = n < CHUNK_MAX ? n : st->st_size >= n ? st->st_size : -1;

	if (n < 0)
		return file_path_error(fd < 0 ? "open" : "read", path, errno, err);
	if (tell(l, "file", st, size, err) < 0 || (n > 0 && file_link_write(l, buf, (size_t)n, err) < 0))
		return -1;
	return send_rest(l, fd, path, buf, size < 0 ? -1 : size - n, err);
}

static int get_link(int root, const char *path, const struct stat *st, struct file_link *l, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = file_path_parent(root, path, &name);
	AUTO_FREE char *target = parent < 0 ? NULL : file_path_readlink(parent, name);

	if (target == NULL)
		return file_path_error("readlink", path, errno, err);
	if (tell(l, "symlink", st, (int64_t)strlen(target), err) < 0 || file_link_write(l, target, strlen(target), err) < 0)
		return -1;
	return file_link_write(l, "", 0, err);
}

static void add_name(struct strbuf *out, const char *name)
{
	AUTO_FREE char *clean = file_link_text(name);
	cJSON *v = cJSON_CreateStringReference(clean);
	AUTO_FREE char *text = json_text(v);

	cJSON_Delete(v);
	strbuf_addstr(out, text);
}

static int send_names(DIR *dir, const char *path, struct file_link *l, struct error *err)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	const struct dirent *e;
	const char *before = "[";

	errno = 0;
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			strbuf_addstr(&out, before);
			add_name(&out, e->d_name);
			before = ",";
		}
		if (out.len > CHUNK_MAX / 2) {
			if (file_link_write(l, out.buf, out.len, err) < 0)
				return -1;
			strbuf_reset(&out);
		}
		errno = 0;
	}
	if (errno != 0)
		return file_path_error("readdir", path, errno, err);
	strbuf_addstr(&out, *before == '[' ? "[]" : "]");
	if (file_link_write(l, out.buf, out.len, err) < 0)
		return -1;
	return file_link_write(l, "", 0, err);
}

static int get_folder(int path_fd, const char *path, const struct stat *st, struct file_link *l, struct error *err)
{
	int fd = file_path_reopen(path_fd, O_RDONLY | O_DIRECTORY), rc = -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		rc = file_path_error("open", path, errno, err);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (tell(l, "directory", st, -1, err) == 0)
		rc = send_names(dir, path, l, err);
	closedir(dir);
	return rc;
}

int file_get(int root, const char *path, struct file_link *l, struct error *err)
{
	AUTO_CLOSE int fd = file_path_lookup(root, path, false);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return file_path_error("lstat", path, errno, err);
	if (S_ISREG(st.st_mode))
		return get_file(fd, path, &st, l, err);
	if (S_ISDIR(st.st_mode))
		return get_folder(fd, path, &st, l, err);
	if (S_ISLNK(st.st_mode))
		return get_link(root, path, &st, l, err);
	return error_set(err, ERROR_INVALID, "what is there is neither a file nor a folder nor a symbolic link");
}
