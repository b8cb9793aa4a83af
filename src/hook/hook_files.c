/* SPDX-License-Identifier: MIT */
#include "hook/hook_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* Could another than root put something else there? In a sticky folder (/tmp) only what is its own. */
static const char *folder_fault(const struct stat *st)
{
	if (st->st_uid != 0)
		return "does not belong to root";
	if (!S_ISLNK(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !(st->st_mode & S_ISVTX))
		return "is writable by others than root";
	return NULL;
}

/* Every folder from "/" to the file, links to folders included. */
static char *folders_fault(const char *path)
{
	AUTO_FREE char *dir = mem_strdup(path);
	const char *fault;
	struct stat st;
	char *slash;

	while ((slash = strrchr(dir, '/')) != NULL) {
		slash[slash == dir] = '\0';
		if (lstat(dir, &st) < 0)
			return mem_printf("the folder '%s' cannot be read: %s", dir, strerror(errno));
		fault = folder_fault(&st);
		if (fault != NULL)
			return mem_printf("the folder '%s' %s", dir, fault);
		if (slash == dir)
			break;
	}
	return NULL;
}

/* A link is no fault: whoever can change one that lies in root's folders is root. */
static char *file_fault(const char *name, const char *path)
{
	AUTO_FREE char *real = NULL;
	char *fault;
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
	fault = folders_fault(path);
	return fault != NULL ? fault : folders_fault(real);
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
