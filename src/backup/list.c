/* SPDX-License-Identifier: MIT */
/* What lies in backup_path, read anew each time: others may put files there, and take them away. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backup/backup.h"
#include "backup/format.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/key_types.h"
#include "model/settings.h"

static void put_time(cJSON *v, struct timespec ts)
{
	char text[TIME_TEXT_SIZE];

	time_rfc3339(ts, text);
	json_set_str(v, "created_at", text);
}

/* Without a sidecar that could say more. */
static cJSON *bare(const struct berthd *b, const char *file, const struct stat *st, const char *state, const char *reason)
{
	AUTO_FREE char *path = backup_archive_path(b, file);
	AUTO_FREE char *instance = NULL;
	cJSON *v = cJSON_CreateObject();

	(void)backup_file_parse(file, &instance);
	json_set_str(v, "file", file);
	json_set_str(v, "path", path);
	json_set_str(v, "instance", strcmp(state, "foreign") == 0 || instance == NULL ? "" : instance);
	json_set_str(v, "mode", "");
	json_set_str(v, "hint", "");
	json_set_str(v, "sha256", "");
	json_set_int(v, "size", st->st_size);
	put_time(v, st->st_mtim);
	json_set_str(v, "state", state);
	json_set_str(v, "reason", reason);
	return v;
}

static cJSON *describe(const struct berthd *b, const char *file, const struct stat *st)
{
	AUTO_FREE char *path = backup_archive_path(b, file);
	AUTO_FREE char *sidecar = backup_sidecar_path(b, file);
	struct error err = ERROR_INIT;
	cJSON *v;

	if (!S_ISREG(st->st_mode))
		return bare(b, file, st, "foreign", "it is no file");
	if (!fs_exists(sidecar) && !backup_file_parse(file, NULL))
		return bare(b, file, st, "foreign", "its name is none of a backup, and it has no sidecar");
	v = backup_sidecar(b, file, &err);
	if (v == NULL)
		return bare(b, file, st, "damaged", err.msg);
	json_set_str(v, "path", path);
	json_set_str(v, "state", "ok");
	json_set_str(v, "reason", "");
	return v;
}

/* NAME.json without its NAME.7z; NULL: it is there, or this is no sidecar. */
static cJSON *describe_lost(const struct berthd *b, const char *name)
{
	AUTO_FREE char *file = NULL;
	AUTO_FREE char *path = NULL;
	struct stat st = { 0 };

	if (!type_has_suffix(name, BACKUP_SIDECAR_ENDING))
		return NULL;
	file = mem_printf("%.*s" BACKUP_ENDING, (int)(strlen(name) - strlen(BACKUP_SIDECAR_ENDING)), name);
	path = backup_archive_path(b, file);
	if (fs_exists(path) || !backup_file_parse(file, NULL))
		return NULL;
	return bare(b, file, &st, "damaged", "the archive is missing, only its sidecar is there");
}

/* NULL: nothing to list; hidden files are our own temporary ones. */
static cJSON *describe_entry(const struct berthd *b, const char *name)
{
	AUTO_FREE char *path = backup_archive_path(b, name);
	struct error ignored = ERROR_INIT;
	struct stat st;
	cJSON *v;

	if (name[0] == '.' || lstat(path, &st) < 0)
		return NULL;
	if (backup_file_check(name, &ignored) == 0)
		return describe(b, name, &st);
	v = describe_lost(b, name);
	if (v != NULL || type_has_suffix(name, BACKUP_SIDECAR_ENDING))
		return v;
	return bare(b, name, &st, "foreign", "its name is none of a backup");
}

static int newest_first(const void *a, const void *b)
{
	const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
	int order = strcmp(json_str_or(y, "created_at", ""), json_str_or(x, "created_at", ""));

	return order != 0 ? order : strcmp(json_str_or(y, "file", ""), json_str_or(x, "file", ""));
}

static cJSON *sorted(cJSON *list)
{
	int n = cJSON_GetArraySize(list);
	cJSON **v = mem_alloc(((size_t)n + 1) * sizeof(*v)), *out = cJSON_CreateArray();

	for (int i = 0; i < n; i++)
		v[i] = cJSON_DetachItemFromArray(list, 0);
	qsort(v, (size_t)n, sizeof(*v), newest_first);
	for (int i = 0; i < n; i++)
		cJSON_AddItemToArray(out, v[i]);
	free(v);
	cJSON_Delete(list);
	return out;
}

cJSON *backup_list(struct berthd *b, const char *instance, struct error *err)
{
	DIR *d = opendir(b->settings->backup_path);
	cJSON *list = cJSON_CreateArray(), *v;
	const struct dirent *e;

	if (d == NULL && errno == ENOENT)
		return list;
	if (d == NULL) {
		error_sys(err, errno, "cannot read '%s'", b->settings->backup_path);
		cJSON_Delete(list);
		return NULL;
	}
	while ((e = readdir(d)) != NULL) {
		v = describe_entry(b, e->d_name);
		if (v != NULL && (instance == NULL || strcmp(json_str_or(v, "instance", ""), instance) == 0))
			cJSON_AddItemToArray(list, v);
		else
			cJSON_Delete(v);
	}
	closedir(d);
	return sorted(list);
}

cJSON *backup_get(struct berthd *b, const char *file, struct error *err)
{
	cJSON *v;

	if (backup_file_check(file, err) < 0)
		return NULL;
	v = describe_entry(b, file);
	if (v == NULL) {
		AUTO_FREE char *sidecar = backup_sidecar_path(b, file);

		v = fs_exists(sidecar) ? describe_lost(b, strrchr(sidecar, '/') + 1) : NULL;
	}
	if (v == NULL)
		error_set(err, ERROR_NOT_FOUND, "Backup not found: there is no '%s' in '%s'", file, b->settings->backup_path);
	return v;
}
