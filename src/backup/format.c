/* SPDX-License-Identifier: MIT */
#include "backup/format.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/key.h"
#include "model/key_types.h"
#include "model/settings.h"

#define STAMP_LEN 14
#define ENDING_LEN (sizeof(BACKUP_ENDING) - 1)
#define FILE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

char *backup_file_name(const char *instance, time_t when)
{
	char stamp[32];
	struct tm tm;

	localtime_r(&when, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
	return mem_printf("%s-%s" BACKUP_ENDING, instance, stamp);
}

bool backup_file_parse(const char *file, char **ret_instance)
{
	size_t len = strlen(file);
	AUTO_FREE char *instance = NULL;
	struct error ignored = ERROR_INIT;
	const char *stamp;

	if (!type_has_suffix(file, BACKUP_ENDING) || len < ENDING_LEN + STAMP_LEN + 2)
		return false;
	stamp = file + len - ENDING_LEN - STAMP_LEN;
	if (stamp[-1] != '-' || strspn(stamp, "0123456789") != STAMP_LEN)
		return false;
	instance = mem_strndup(file, (size_t)(stamp - file) - 1);
	if (name_validate_instance(instance, &ignored) < 0)
		return false;
	if (ret_instance != NULL) {
		*ret_instance = instance;
		instance = NULL;
	}
	return true;
}

int backup_file_check(const char *file, struct error *err)
{
	if (!type_has_suffix(file, BACKUP_ENDING) || file[0] == '.' || strlen(file) > 200 ||
	    file[strspn(file, FILE_CHARS)] != '\0')
		return error_set(err, ERROR_INVALID,
				 "'%.64s' is no name of a backup: those are made of letters, digits, '.', '_' and '-', and end "
				 "with " BACKUP_ENDING, file);
	return 0;
}

char *backup_archive_path(const struct berthd *b, const char *file)
{
	return fs_join(b->settings->backup_path, file);
}

char *backup_sidecar_path(const struct berthd *b, const char *file)
{
	return mem_printf("%s/%.*s" BACKUP_SIDECAR_ENDING, b->settings->backup_path, (int)(strlen(file) - ENDING_LEN),
			  file);
}

char *backup_tmp_path(const struct berthd *b, const char *file)
{
	return mem_printf("%s/.%s" BACKUP_TMP, b->settings->backup_path, file);
}

static bool is_digest(const char *s)
{
	return s != NULL && strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

int backup_info_check(const cJSON *info, struct error *err)
{
	const char *instance = json_str_or(info, "instance", "");
	struct error why = ERROR_INIT;

	if (!cJSON_IsObject(info) || json_int(info, "version", 0) < 1)
		return error_set(err, ERROR_INVALID, "it does not describe a backup");
	if (json_int(info, "version", 0) > BACKUP_VERSION)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the backup has the format version %lld, this berth knows those up to %d",
				 (long long)json_int(info, "version", 0), BACKUP_VERSION);
	if (name_validate_instance(instance, &why) < 0)
		return error_set(err, ERROR_INVALID, "it names no instance");
	return 0;
}

static int check_sidecar(const cJSON *v, const char *file, const struct stat *archive, struct error *err)
{
	if (backup_info_check(v, err) < 0)
		return -1;
	if (strcmp(json_str_or(v, "file", ""), file) != 0)
		return error_set(err, ERROR_INVALID, "it describes another file, '%.200s'", json_str_or(v, "file", ""));
	if (!is_digest(json_str(v, "sha256")))
		return error_set(err, ERROR_INVALID, "its sha256 is no checksum");
	if (json_int(v, "size", -1) != archive->st_size)
		return error_set(err, ERROR_INVALID, "the archive has %lld bytes, but had %lld when it was made",
				 (long long)archive->st_size, (long long)json_int(v, "size", -1));
	return 0;
}

cJSON *backup_sidecar(const struct berthd *b, const char *file, struct error *err)
{
	AUTO_FREE char *path = backup_archive_path(b, file);
	AUTO_FREE char *sidecar = backup_sidecar_path(b, file);
	struct stat st;
	cJSON *v;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		error_set(err, ERROR_NOT_FOUND, "Backup not found: there is no '%s' in '%s'", file, b->settings->backup_path);
		return NULL;
	}
	if (!fs_exists(sidecar)) {
		error_set(err, ERROR_NOT_FOUND, "the backup '%s' has no sidecar '%s'", file, strrchr(sidecar, '/') + 1);
		return NULL;
	}
	v = json_read_file(sidecar, err);
	if (v != NULL && check_sidecar(v, file, &st, err) == 0)
		return v;
	error_wrap(err, "'%s'", strrchr(sidecar, '/') + 1);
	cJSON_Delete(v);
	return NULL;
}

const char *backup_seven(struct error *err)
{
	if (fs_in_path("7zz"))
		return "7zz";
	if (fs_in_path("7z"))
		return "7z";
	error_set(err, ERROR_UNSUPPORTED,
		  "backups need 7-Zip, and neither '7zz' nor '7z' is in PATH: install the package '7zip' (or 'p7zip-full')");
	return NULL;
}
