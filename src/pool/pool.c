/* SPDX-License-Identifier: MIT */
#include "pool/pool.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "lxc/probe.h"
#include "model/key_types.h"
#include "model/settings.h"
#include "pool/limit.h"
#include "pool/pool_private.h"

#define SUFFIX ".json"

struct pools {
	char *dir;
	struct strmap *pools; /* name -> cJSON */
};

static void free_pool(void *pool)
{
	cJSON_Delete(pool);
}

static char *file_of(const struct berthd *b, const char *name)
{
	return mem_printf("%s/%s" SUFFIX, b->pools->dir, name);
}

/* ---- places */

char *pool_image_path(const struct berthd *b, const char *name)
{
	return mem_printf("%s/%s.img", b->settings->pools_path, name);
}

char *pool_path_of(const struct berthd *b, const cJSON *pool)
{
	const char *name = json_str_or(pool, "name", ""), *source = json_str_or(json_obj(pool, "config"), "source", "");

	if (strcmp(name, POOL_DEFAULT) == 0)
		return mem_strdup(b->settings->system_path);
	if (source[0] != '\0' && !pool_needs_mount(pool))
		return mem_strdup(source);
	return fs_join(b->settings->pools_path, name);
}

char *pool_path(const struct berthd *b, const char *name)
{
	return pool_path_of(b, pool_get(b, name));
}

char *pool_instances(const struct berthd *b, const char *name)
{
	AUTO_FREE char *path = pool_path(b, name);

	return strcmp(name, POOL_DEFAULT) == 0 ? mem_strdup(path) : fs_join(path, "containers");
}

char *pool_volumes(const struct berthd *b, const char *name)
{
	AUTO_FREE char *path = pool_path(b, name);

	return strcmp(name, POOL_DEFAULT) == 0 ? fs_join(b->settings->extern_path, "_custom") : fs_join(path, "custom");
}

/* ---- look-up */

const char **pool_names(const struct berthd *b)
{
	return strmap_keys(b->pools->pools);
}

const cJSON *pool_get(const struct berthd *b, const char *name)
{
	return strmap_get(b->pools->pools, name);
}

const cJSON *pool_find(const struct berthd *b, const char *name, struct error *err)
{
	const cJSON *pool = pool_get(b, name);

	if (pool == NULL)
		error_set(err, ERROR_NOT_FOUND, "Storage pool not found");
	return pool;
}

const char *pool_driver(const struct berthd *b, const char *name)
{
	const cJSON *pool = pool_get(b, name);
	const char *driver = b->settings->storage_driver;

	if (pool == NULL)
		return NULL;
	if (strcmp(name, POOL_DEFAULT) != 0)
		driver = json_str_or(pool, "driver", "dir");
	if (strcmp(driver, "btrfs") == 0)
		return "btrfs";
	if (strcmp(driver, "auto") == 0) /* as storage_choose() */
		return b->probe->overlay_idmapped ? "overlay" : "dir";
	return strcmp(driver, "overlay") == 0 ? "overlay" : "dir";
}

/* A folder that lies on another file system is there without it, too, only empty. */
static bool folder_is_there(const cJSON *pool, const char *path)
{
	AUTO_FREE char *instances = fs_join(path, "containers");
	struct stat st;

	return stat(instances, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (strcmp(json_str_or(pool, "driver", ""), "btrfs") != 0 || pool_is_btrfs(path));
}

int pool_usable(const struct berthd *b, const char *name, struct error *err)
{
	const cJSON *pool = pool_find(b, name, err);
	AUTO_FREE char *path = NULL;
	bool mounts;

	if (pool == NULL)
		return -1;
	mounts = pool_needs_mount(pool);
	path = pool_path_of(b, pool);
	if (strcmp(name, POOL_DEFAULT) == 0 || ((!mounts || pool_is_mounted(b, pool)) && folder_is_there(pool, path)))
		return 0;
	return error_set(err, ERROR_UNAVAILABLE, "Storage pool is unavailable on this server: '%s' %s '%s'", name,
			 mounts ? "is not mounted from" : "is not in its folder", mounts ?
			 json_str_or(json_obj(pool, "config"), "source", "") : path);
}

/* ---- files */

int pool_put(struct berthd *b, const char *name, cJSON *pool, struct error *err)
{
	AUTO_FREE char *path = file_of(b, name);

	json_sort(pool);
	if (json_write_file(path, pool, JSON_DURABLE, err) < 0) {
		cJSON_Delete(pool);
		return -1;
	}
	strmap_put(b->pools->pools, name, pool);
	return 0;
}

int pool_drop(struct berthd *b, const char *name, struct error *err)
{
	AUTO_FREE char *path = file_of(b, name);

	if (unlink(path) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", path);
	strmap_remove(b->pools->pools, name);
	return fs_sync_dir(b->pools->dir, err);
}

static bool understood(const cJSON *pool, const char *name, struct error *err)
{
	const char *driver = json_str_or(pool, "driver", "");

	if (strcmp(json_str_or(pool, "name", ""), name) != 0 || json_obj(pool, "config") == NULL) {
		error_set(err, ERROR_INVALID, "it lacks its name or config");
		return false;
	}
	return pool_config_check(driver, json_obj(pool, "config"), err) == 0;
}

static void load_one(struct berthd *b, const char *file)
{
	AUTO_FREE char *name = mem_strndup(file, strlen(file) - strlen(SUFFIX));
	AUTO_FREE char *path = fs_join(b->pools->dir, file);
	struct error err = ERROR_INIT;
	cJSON *pool;

	if (strcmp(name, POOL_DEFAULT) != 0 && pool_name_check(name, &err) < 0)
		return; /* nothing of ours */
	pool = json_read_file(path, &err);
	if (pool != NULL && understood(pool, name, &err)) {
		strmap_put(b->pools->pools, name, pool);
		if (pool_needs_mount(pool) && pool_mount_again(b, pool, &err) < 0)
			log_error("storage pool '%s': %s", name, err.msg);
		return;
	}
	log_warning("storage pool file '%s': %s: left alone", path, err.msg);
	cJSON_Delete(pool);
}

static int load_all(struct berthd *b, struct error *err)
{
	DIR *dir = opendir(b->pools->dir);
	const struct dirent *entry;

	if (dir == NULL)
		return error_sys(err, errno, "cannot open '%s'", b->pools->dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && type_has_suffix(entry->d_name, SUFFIX))
			load_one(b, entry->d_name);
	closedir(dir);
	return 0;
}

static void add_default(struct berthd *b)
{
	cJSON *pool;

	if (pool_get(b, POOL_DEFAULT) != NULL)
		return;
	pool = cJSON_CreateObject();
	cJSON_AddObjectToObject(pool, "config");
	json_set_str(pool, "description", "");
	json_set_str(pool, "driver", "dir");
	json_set_str(pool, "name", POOL_DEFAULT);
	strmap_put(b->pools->pools, POOL_DEFAULT, pool);
}

static void resume_limits(const struct berthd *b)
{
	const char **names = pool_names(b);

	for (const char **n = names; *n != NULL; n++) {
		AUTO_FREE char *instances = pool_instances(b, *n);
		AUTO_FREE char *volumes = pool_volumes(b, *n);

		limit_resume(instances);
		limit_resume(volumes);
	}
	free(names);
}

struct pools *pools_open(struct berthd *b, struct error *err)
{
	struct pools *p = mem_alloc(sizeof(*p));

	p->dir = fs_join(b->settings->state_path, "storage-pools");
	p->pools = strmap_new(free_pool);
	b->pools = p;
	if (fs_mkdirs(p->dir, 0700, err) == 0 && load_all(b, err) == 0) {
		add_default(b);
		resume_limits(b);
		return p;
	}
	b->pools = NULL;
	pools_free(p);
	return NULL;
}

void pools_free(struct pools *p)
{
	if (p == NULL)
		return;
	strmap_free(p->pools);
	free(p->dir);
	free(p);
}
