/* SPDX-License-Identifier: MIT */
/* What lies on a shelf, read anew each time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backup/export_private.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

int export_name_check(const char *name, struct error *err)
{
	size_t len = strlen(name);

	if (strchr(name, '/') != NULL)
		return error_set(err, ERROR_INVALID, "Backup names may not contain slashes");
	if (len == 0 || len > 200 || name[0] == '.')
		return error_set(err, ERROR_INVALID, "Invalid backup name '%.64s': 1 to 200 bytes, the first no '.'", name);
	return text_is_line(name) ? 0 : error_set(err, ERROR_INVALID, "Invalid backup name: it holds control characters");
}

int export_already(const char *owner, const char *name, struct error *err)
{
	return error_set(err, ERROR_CONFLICT, "Backup \"%s/%s\" already exists", owner, name);
}

/* ---- the list */

static cJSON *read_one(const char *shelf, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/%s/" EXPORT_NOTE, shelf, name);
	struct error err = ERROR_INIT;
	cJSON *v = fs_exists(path) ? json_read_file(path, &err) : NULL;

	if (v != NULL && (json_str(v, "created_at") == NULL || json_str(v, "expires_at") == NULL)) {
		cJSON_Delete(v);
		return NULL;
	}
	if (v != NULL)
		json_set_str(v, "name", name);
	return v;
}

cJSON *export_shelf_list(const char *shelf)
{
	cJSON *list = cJSON_CreateArray(), *v;
	DIR *dir = opendir(shelf);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && (v = read_one(shelf, d->d_name)) != NULL)
			json_insert_by(list, "created_at", v);
	if (dir != NULL)
		closedir(dir);
	return list;
}

cJSON *export_shelf_get(const char *shelf, const char *name, const char *missing, struct error *err)
{
	struct error bad = ERROR_INIT;
	cJSON *v = export_name_check(name, &bad) == 0 ? read_one(shelf, name) : NULL;

	if (v == NULL)
		error_set(err, ERROR_NOT_FOUND, "%s", missing);
	return v;
}

int export_shelf_open(const char *shelf, const char *name, const char *missing, struct error *err)
{
	AUTO_JSON cJSON *v = export_shelf_get(shelf, name, missing, err);
	AUTO_FREE char *path = mem_printf("%s/%s/" EXPORT_ARCHIVE, shelf, name);
	int fd;

	if (v == NULL)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot open '%s'", path) : fd;
}

bool export_has_expired(const cJSON *note)
{
	time_t when;

	return time_parse(json_str_or(note, "expires_at", ""), &when) == 0 && when > 0 && when < time(NULL);
}

/* ---- its end, and its other names */

int export_shelf_clear(const char *shelf, const char *folder, struct error *err)
{
	if (fs_remove_tree(folder, err) < 0)
		return -1;
	(void)rmdir(shelf); /* of the last one */
	return 0;
}

/* Not when it is done again: another one may have the name. */
enum op_result export_shelf_hide(const char *shelf, const char *name, const char *gone, struct error *err)
{
	AUTO_FREE char *dir = fs_join(shelf, name);

	if (fs_exists(gone) || rename(dir, gone) == 0 || errno == ENOENT)
		return OP_DONE;
	error_sys(err, errno, "cannot remove '%s'", dir);
	return OP_FAIL;
}

int export_shelf_can_rename(const char *shelf, const char *name, const char *to, const char *missing, const char *owner,
			    struct error *err)
{
	AUTO_JSON cJSON *v = export_shelf_get(shelf, name, missing, err);
	AUTO_JSON cJSON *other = NULL;

	if (v == NULL || export_name_check(to, err) < 0)
		return -1;
	other = read_one(shelf, to);
	return other != NULL ? export_already(owner, to, err) : 0;
}

enum op_result export_shelf_rename(const char *shelf, const char *name, const char *new_name, const char *owner, struct error *err)
{
	AUTO_FREE char *from = fs_join(shelf, name), *to = fs_join(shelf, new_name);

	if (fs_exists(to))
		export_already(owner, new_name, err);
	else if (rename(from, to) < 0)
		error_sys(err, errno, "cannot rename '%s' to '%s'", from, to);
	else
		return OP_DONE;
	return OP_FAIL;
}
