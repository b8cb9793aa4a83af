/* SPDX-License-Identifier: MIT */
#include "instance/place.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/work.h"
#include "model/settings.h"
#include "pool/pool.h"

char *place_in_pool(const struct berthd *b, const char *pool, const char *name)
{
	AUTO_FREE char *parent = pool_instances(b, pool);

	return fs_join(parent, name);
}

const char *place_pool(const struct berthd *b, const char *dir)
{
	AUTO_FREE const char **names = b->pools != NULL ? pool_names(b) : NULL;
	size_t len = (size_t)(strrchr(dir, '/') - dir);

	for (const char **n = names; n != NULL && *n != NULL; n++) {
		AUTO_FREE char *parent = pool_instances(b, *n);

		if (strcmp(*n, POOL_DEFAULT) != 0 && strlen(parent) == len && memcmp(parent, dir, len) == 0)
			return pool_get(b, *n) != NULL ? *n : POOL_DEFAULT;
	}
	return POOL_DEFAULT;
}

/* The target of a link into a pool; NULL: no link, or another's. Caller frees. */
static char *linked(const struct berthd *b, const char *link)
{
	char target[PATH_MAX];
	ssize_t len = readlink(link, target, sizeof(target) - 1);

	if (len <= 0)
		return NULL;
	target[len] = '\0';
	if (target[0] != '/' || strcmp(strrchr(target, '/'), strrchr(link, '/')) != 0)
		return NULL;
	return strcmp(place_pool(b, target), POOL_DEFAULT) != 0 ? mem_strdup(target) : NULL;
}

char *place_dir(const struct berthd *b, const char *name)
{
	AUTO_FREE char *path = fs_join(b->settings->system_path, name);
	char *target = linked(b, path);

	return target != NULL ? target : mem_strdup(path);
}

bool place_lost(const struct berthd *b, const char *name, struct error *err)
{
	AUTO_FREE char *link = NULL;
	AUTO_FREE char *target = NULL;

	if (name[0] == '.' || name[0] == '\0' || strchr(name, '/') != NULL)
		return false;
	link = fs_join(b->settings->system_path, name);
	target = linked(b, link);
	return target != NULL && pool_usable(b, place_pool(b, target), err) < 0;
}

cJSON *place_linked(const struct berthd *b, const char *pool)
{
	cJSON *names = cJSON_CreateArray();
	DIR *dir = opendir(b->settings->system_path);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		AUTO_FREE char *link = fs_join(b->settings->system_path, d->d_name);
		AUTO_FREE char *target = d->d_name[0] != '.' ? linked(b, link) : NULL;

		if (target != NULL && strcmp(place_pool(b, target), pool) == 0)
			cJSON_AddItemToArray(names, cJSON_CreateString(d->d_name));
	}
	if (dir != NULL)
		closedir(dir);
	return names;
}

bool place_any_lost(const struct berthd *b)
{
	AUTO_FREE const char **pools = b->pools != NULL ? pool_names(b) : NULL;
	bool found = false;

	for (const char **p = pools; p != NULL && *p != NULL && !found; p++) {
		AUTO_JSON cJSON *names = pool_usable(b, *p, &(struct error)ERROR_INIT) < 0 ? place_linked(b, *p) : NULL;

		found = names != NULL && names->child != NULL;
	}
	return found;
}

const char *place_wanted(const struct berthd *b, const cJSON *expanded_devices)
{
	const char *pool = storage_pool(expanded_devices);

	return pool_get(b, pool) != NULL ? pool : POOL_DEFAULT;
}

int place_link(const struct berthd *b, const char *name, const char *dir, struct error *err)
{
	AUTO_FREE char *link = fs_join(b->settings->system_path, name);
	AUTO_FREE char *there = NULL;

	if (strcmp(link, dir) == 0)
		return 0;
	there = linked(b, link);
	if (there != NULL && strcmp(there, dir) == 0)
		return 0;
	if (symlink(dir, link) < 0)
		return error_sys(err, errno, "cannot make the link '%s'", link);
	return fs_sync_dir(b->settings->system_path, err);
}

int place_unlink(const struct berthd *b, const char *name, const char *dir, struct error *err)
{
	AUTO_FREE char *link = fs_join(b->settings->system_path, name);
	char target[PATH_MAX];
	ssize_t len = readlink(link, target, sizeof(target) - 1);

	if (len <= 0)
		return 0; /* none, or its folder itself */
	target[len] = '\0';
	if (strcmp(target, dir) != 0)
		return 0;
	return unlink(link) == 0 || errno == ENOENT ? 0 : error_sys(err, errno, "cannot remove the link '%s'", link);
}

int place_rename(const struct berthd *b, const char *from, const char *to, struct error *err)
{
	AUTO_FREE char *dir = place_dir(b, from), *done = place_dir(b, to);
	bool moved = strcmp(place_pool(b, done), POOL_DEFAULT) != 0; /* the new link is there */
	const char *pool = place_pool(b, moved ? done : dir);
	AUTO_FREE char *source = place_in_pool(b, pool, from), *target = place_in_pool(b, pool, to);

	if (fs_exists(source) && rename(source, target) < 0)
		return error_sys(err, errno, "cannot rename '%s' to '%s'", source, target);
	if (strcmp(pool, POOL_DEFAULT) == 0)
		return 0;
	return place_link(b, to, target, err) < 0 ? -1 : place_unlink(b, from, source, err);
}
