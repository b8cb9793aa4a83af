/* SPDX-License-Identifier: MIT */
#include "pool/pool_work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "lxc/probe.h"
#include "model/settings.h"
#include "pool/pool_private.h"

#define GIB ((uint64_t)1 << 30)
#define IMAGE_MIN (112ull << 20) /* mkfs.btrfs makes none that is smaller */

const char *pool_work_source(const struct pool_work *w)
{
	return json_str_or(json_obj(w->pool, "config"), "source", "");
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	bool empty = dir != NULL;

	while (empty && (d = readdir(dir)) != NULL)
		empty = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || strcmp(d->d_name, "lost+found") == 0;
	if (dir != NULL)
		closedir(dir);
	return empty;
}

static bool is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* A folder of the host: nobody else's, so empty and not one of berth's own. */
static int check_folder(const struct pool_work *w, const char *source, struct error *err)
{
	const struct settings *s = w->b->settings;
	const char *own[] = { s->system_path, s->images_path, s->backup_path, s->extern_path, s->state_path, s->pools_path,
			      s->run_path };
	AUTO_FREE char *real = realpath(source, NULL);
	AUTO_FREE const char **names = pool_names(w->b);

	if (real == NULL || strcmp(real, source) != 0)
		return error_set(err, ERROR_INVALID, "Source path \"%s\" must not go through symbolic links", source);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (is_within(source, own[i]) || is_within(own[i], source))
			return error_set(err, ERROR_INVALID, "Source path \"%s\" is one of berth's own folders, or holds one: '%s'",
					 source, own[i]);
	for (const char **n = names; *n != NULL; n++) {
		AUTO_FREE char *other = pool_path(w->b, *n);

		if (is_within(source, other) || is_within(other, source))
			return error_set(err, ERROR_INVALID, "Source path \"%s\" is in use by the storage pool \"%s\"", source, *n);
	}
	return is_empty(source) ? 0 : error_set(err, ERROR_INVALID, "Source path \"%s\" isn't empty", source);
}

static int check_device(const struct pool_work *w, const char *source, struct error *err)
{
	AUTO_CLOSE int fd = open(source, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot use the device '%s'", source);
	return json_str(json_obj(w->pool, "config"), "size") == NULL ? 0 :
		error_set(err, ERROR_INVALID, "Invalid option \"size\": a device has the size it has");
}

/* The loop file is to be made, so it must not be there. */
static int check_image(struct pool_work *w, const char *source, struct error *err)
{
	cJSON *config = json_obj(w->pool, "config");
	uint64_t size = 0;
	struct statvfs fs;
	AUTO_FREE char *parent = mem_strndup(source, (size_t)(strrchr(source, '/') - source));

	if (statvfs(parent[0] != '\0' ? parent : "/", &fs) < 0 && (errno != ENOENT || statvfs(w->b->settings->state_path, &fs) < 0))
		return error_sys(err, errno, "cannot look at '%s'", parent);
	if (json_str(config, "size") == NULL) { /* LXD's rule: a fifth of what is free, 5 to 30 GiB */
		uint64_t fifth = (uint64_t)fs.f_bavail * fs.f_frsize / 5 / GIB;

		json_set_strf(config, "size", "%dGiB", (int)(fifth < 5 ? 5 : fifth > 30 ? 30 : fifth));
	}
	if (units_parse_size(json_str(config, "size"), &size, err) < 0)
		return -1;
	if (size < IMAGE_MIN)
		return error_set(err, ERROR_INVALID, "Invalid value for option \"size\": a btrfs needs at least 112MiB");
	return 0;
}

static int check_source_there(struct pool_work *w, const char *source, struct error *err)
{
	bool btrfs = strcmp(w->driver, "btrfs") == 0;
	struct stat st;

	if (stat(source, &st) < 0 && errno == ENOENT && btrfs && strlen(source) > 4 &&
	    strcmp(source + strlen(source) - 4, ".img") == 0)
		return check_image(w, source, err);
	if (stat(source, &st) < 0)
		return errno == ENOENT ? error_set(err, ERROR_INVALID, "Source path \"%s\" doesn't exist", source) :
			error_sys(err, errno, "cannot look at '%s'", source);
	if (S_ISBLK(st.st_mode) && btrfs)
		return check_device(w, source, err);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, btrfs ?
				 "Source path \"%s\" must be a block device, a folder on a btrfs, or the name of a new file *.img" :
				 "Source path \"%s\" isn't a directory", source);
	if (btrfs && !pool_is_btrfs(source))
		return error_set(err, ERROR_INVALID, "Provided path does not reside on a btrfs filesystem: \"%s\"", source);
	if (json_str(json_obj(w->pool, "config"), "size") != NULL)
		return error_set(err, ERROR_INVALID, "Invalid option \"size\": a folder has no size of its own");
	return check_folder(w, source, err);
}

int pool_check_create(struct pool_work *w, struct error *err)
{
	cJSON *config = json_obj(w->pool, "config");
	AUTO_FREE char *own = strcmp(w->driver, "btrfs") == 0 ? pool_image_path(w->b, w->name) :
							       fs_join(w->b->settings->pools_path, w->name);
	bool given = pool_work_source(w)[0] != '\0';

	if (pool_get(w->b, w->name) != NULL)
		return error_set(err, ERROR_CONFLICT, "The storage pool already exists: The record already exists");
	if (strcmp(w->driver, "btrfs") == 0 && !fs_in_path("mkfs.btrfs"))
		return error_set(err, ERROR_INVALID, "the storage driver \"btrfs\" is not available: the program mkfs.btrfs is missing "
				 "(package btrfs-progs)");
	if (!given) {
		if (fs_exists(own))
			return error_set(err, ERROR_CONFLICT, "'%s' is in the way: it is left of another storage pool", own);
		json_set_str(config, "source", own);
	} else {
		json_set_str(config, "volatile.initial_source", pool_work_source(w));
	}
	json_set_bool(w->args, "given", given);
	if (given ? check_source_there(w, pool_work_source(w), err) < 0 :
	    strcmp(w->driver, "btrfs") == 0 && check_image(w, own, err) < 0)
		return -1;
	json_set_bool(w->args, "mounts", pool_needs_mount(w->pool));
	free(w->path);
	w->path = pool_path_of(w->b, w->pool);
	return 0;
}

int pool_check_driver(const struct berthd *b, const char *driver, struct error *err)
{
	static const char *const others[] = { "lvm", "zfs", "ceph", "cephfs", "cephobject", NULL };

	if (driver[0] == '\0')
		return error_set(err, ERROR_INVALID, "No driver provided");
	for (const char *const *o = others; *o != NULL; o++)
		if (strcmp(driver, *o) == 0)
			return error_set(err, ERROR_TOOL, "Unknown driver: berth has no storage driver \"%s\": there are dir, overlay "
					 "and btrfs", driver);
	if (strcmp(driver, "dir") != 0 && strcmp(driver, "overlay") != 0 && strcmp(driver, "btrfs") != 0)
		return error_set(err, ERROR_TOOL, "Unknown driver");
	if (strcmp(driver, "overlay") == 0 && !b->probe->overlay_idmapped)
		return error_set(err, ERROR_INVALID, "the storage driver \"overlay\" is not available: this kernel cannot lay an overlay "
				 "on an idmapped mount");
	return 0;
}
