/* SPDX-License-Identifier: MIT */
#include "hook/hook_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define LINKS_MAX 40 /* the kernel's */

/* Could another than root put something else there? In a sticky folder (/tmp) only what is its own. */
static const char *folder_fault(const struct stat *st)
{
	if (st->st_uid != 0)
		return "does not belong to root";
	if (!S_ISLNK(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !(st->st_mode & S_ISVTX))
		return "is writable by others than root";
	return NULL;
}

static char *fault_at(const char *at, struct stat *st)
{
	const char *fault;

	if (lstat(at, st) < 0)
		return mem_printf("'%s' cannot be read: %s", at, strerror(errno));
	fault = S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode) ? folder_fault(st) : NULL;
	return fault != NULL ? mem_printf("the %s '%s' %s", S_ISLNK(st->st_mode) ? "link" : "folder", at, fault) : NULL;
}

/* Puts where the link leads before what is still to go, and goes back to where that begins. */
static bool follow(struct strbuf *at, size_t parent, struct strbuf *rest)
{
	AUTO_STRBUF struct strbuf old = *rest;
	char target[PATH_MAX];
	ssize_t n = readlink(at->buf, target, sizeof(target) - 1);

	if (n <= 0) {
		strbuf_init(&old);
		return false;
	}
	target[n] = '\0';
	strbuf_truncate(at, target[0] == '/' ? 0 : parent);
	strbuf_init(rest);
	strbuf_addf(rest, "%s/%s", target, old.buf);
	return true;
}

/*
 * Every folder and every link on the way from "/" to the file, also those that links lead through: whoever could change
 * one of them would choose what root runs.
 */
static char *way_fault(const char *path)
{
	AUTO_STRBUF struct strbuf at = STRBUF_INIT;
	AUTO_STRBUF struct strbuf rest = STRBUF_INIT;
	struct stat st;
	char *fault = fault_at("/", &st);
	unsigned links = 0;

	strbuf_addstr(&rest, path);
	while (fault == NULL && rest.len > 0) {
		size_t slashes = strspn(rest.buf, "/"), len = strcspn(rest.buf + slashes, "/"), parent = at.len;
		AUTO_FREE char *part = mem_strndup(rest.buf + slashes, len);

		strbuf_drop_front(&rest, slashes + len);
		if (len == 0 || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			strbuf_truncate(&at, at.len > 0 ? (size_t)(strrchr(at.buf, '/') - at.buf) : 0);
			continue;
		}
		strbuf_addf(&at, "/%s", part);
		fault = fault_at(at.buf, &st);
		if (fault == NULL && S_ISLNK(st.st_mode) && (++links > LINKS_MAX || !follow(&at, parent, &rest)))
			fault = mem_strdup("it cannot be read: too many links");
	}
	return fault;
}

/* A link is no fault: whoever can change one that is root's, in root's folders, is root. */
static char *file_fault(const char *name, const char *path)
{
	AUTO_FREE char *real = NULL;
	struct stat st;

	if (name[strspn(name, NAME_CHARS)] != '\0')
		return mem_strdup("its name has other characters than letters, digits, '_' and '-'");
	real = realpath(path, NULL);
	if (real == NULL || lstat(real, &st) < 0)
		return mem_printf("it cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return mem_strdup("it is not a regular file");
	if (st.st_uid != 0)
		return mem_strdup("it does not belong to root");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return mem_strdup("it is writable by others than root");
	if ((st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
		return mem_strdup("it is not executable");
	return way_fault(path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct hook_file *)a)->name, ((const struct hook_file *)b)->name);
}

static void add(struct hook_files *files, const char *dir, const char *name)
{
	struct hook_file *f;

	files->v = mem_realloc(files->v, files->n + 1, sizeof(*files->v));
	f = &files->v[files->n++];
	f->name = mem_strdup(name);
	f->path = fs_join(dir, name);
	f->skipped = file_fault(name, f->path);
}

/* One openat when there is none: the usual case, and it is in the way of each start. */
static DIR *open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL && errno != ENOENT)
		log_warning("cannot read the hooks in '%s': %s", path, strerror(errno));
	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

void hook_files_read(const char *hooks_path, const char *event, struct hook_files *ret)
{
	AUTO_FREE char *path = fs_join(hooks_path, event);
	DIR *dir = open_folder(path);
	struct dirent *d;

	*ret = (struct hook_files)HOOK_FILES_INIT;
	if (dir == NULL)
		return;
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			add(ret, path, d->d_name);
	closedir(dir);
	if (ret->n > 0)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
}

void hook_files_clear(struct hook_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->v[i].name);
		free(files->v[i].path);
		free(files->v[i].skipped);
	}
	free(files->v);
	*files = (struct hook_files)HOOK_FILES_INIT;
}
