/* SPDX-License-Identifier: MIT */
#include "pool/custom.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "instance/volume_work.h"
#include "model/key_types.h"
#include "model/profile.h"
#include "model/settings.h"
#include "pool/custom_work.h"

/* ---- names and places */

/* An instance's own volume: "c1_data" is extern_path/c1/data. */
static char *owned_place(const struct berthd *b, const char *pool, const char *name, char **ret_leaf)
{
	const char *bar = strchr(name, '_');
	AUTO_FREE char *owner = NULL;
	AUTO_FREE char *path = NULL;
	struct stat st;

	if (strcmp(pool, POOL_DEFAULT) != 0 || bar == NULL || !type_is_name(bar + 1))
		return NULL;
	owner = mem_strndup(name, (size_t)(bar - name));
	path = volume_path(b, owner, bar + 1);
	if (!type_is_name(owner) || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return NULL;
	*ret_leaf = mem_strdup(bar + 1);
	return fs_join(b->settings->extern_path, owner);
}

bool custom_is_owned(const struct berthd *b, const char *pool, const char *name)
{
	AUTO_FREE char *leaf = NULL;
	AUTO_FREE char *dir = owned_place(b, pool, name, &leaf);

	return dir != NULL;
}

/* The folder it lies in; *ret_leaf is its name there. Caller frees both. */
static char *place(const struct berthd *b, const char *pool, const char *name, char **ret_leaf)
{
	char *dir = owned_place(b, pool, name, ret_leaf);

	if (dir != NULL)
		return dir;
	*ret_leaf = custom_name_to_file(name);
	return pool_volumes(b, pool);
}

char *custom_path(const struct berthd *b, const char *pool, const char *name)
{
	AUTO_FREE char *leaf = NULL;
	AUTO_FREE char *dir = place(b, pool, name, &leaf);

	return fs_join(dir, leaf);
}

char *custom_meta(const struct berthd *b, const char *pool, const char *name)
{
	AUTO_FREE char *leaf = NULL;
	AUTO_FREE char *dir = place(b, pool, name, &leaf);

	return mem_printf("%s/.%s", dir, leaf);
}

bool custom_exists(const struct berthd *b, const char *pool, const char *name)
{
	AUTO_FREE char *path = NULL;
	struct error ignored = ERROR_INIT;
	struct stat st;

	if (pool_get(b, pool) == NULL || custom_name_check(name, &ignored) < 0)
		return false;
	path = custom_path(b, pool, name);
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int custom_config_check(struct berthd *b, const char *pool, const char *name, const cJSON *config, struct error *err)
{
	AUTO_FREE char *shown = mem_printf("default_%.128s", name); /* LXD's name of it has the project in front */

	return pool_volume_config_check(pool_driver(b, pool), shown, config, err);
}

int custom_find(const struct berthd *b, const char *pool, const char *name, struct error *err)
{
	if (pool_usable(b, pool, err) < 0)
		return -1;
	return custom_exists(b, pool, name) ? 0 : error_set(err, ERROR_NOT_FOUND, "Storage pool volume not found");
}

/* ---- what is written about it */

cJSON *custom_read(const struct berthd *b, const char *pool, const char *name)
{
	AUTO_FREE char *meta = custom_meta(b, pool, name), *file = fs_join(meta, CUSTOM_FILE);
	struct error err = ERROR_INIT;
	cJSON *v = fs_exists(file) ? json_read_file(file, &err) : NULL;

	if (v != NULL && json_obj(v, "config") != NULL)
		return v;
	if (err.code != ERROR_NONE)
		log_warning("volume '%s' of the storage pool '%s': %s", name, pool, err.msg);
	cJSON_Delete(v);
	v = cJSON_CreateObject();
	cJSON_AddObjectToObject(v, "config");
	json_set_str(v, "description", "");
	json_set_str(v, "created_at", TIME_UNSET);
	return v;
}

int custom_write(const char *meta, const cJSON *volume, struct error *err)
{
	AUTO_FREE char *file = fs_join(meta, CUSTOM_FILE);
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	if (mkdir(meta, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", meta);
	json_set(v, "config", pool_config_clean(json_obj(volume, "config")));
	json_set_str(v, "description", json_str_or(volume, "description", ""));
	json_set_str(v, "created_at", json_str_or(volume, "created_at", TIME_UNSET));
	return json_write_file(file, v, JSON_DURABLE, err);
}

/* ---- who has it */

static void add_url(cJSON *urls, const char *kind, const char *name)
{
	AUTO_STRBUF struct strbuf url = STRBUF_INIT;
	const cJSON *item;

	strbuf_addf(&url, "/1.0/%s/", kind);
	strbuf_adduri(&url, name);
	cJSON_ArrayForEach(item, urls)
		if (strcmp(item->valuestring, url.buf) == 0)
			return;
	cJSON_AddItemToArray(urls, cJSON_CreateString(url.buf));
}

bool custom_is_device_of(const cJSON *device, const char *pool, const char *name)
{
	return strcmp(json_str_or(device, "type", ""), "disk") == 0 && strcmp(json_str_or(device, "pool", ""), pool) == 0 &&
	       strcmp(json_str_or(device, "source", ""), name) == 0;
}

/* Has the instance that disk of a profile, which is listed itself? */
static bool by_profile(const struct berthd *b, const struct instance *inst, const char *device, const char *pool, const char *name)
{
	const cJSON *profile;

	if (inst == NULL || json_obj(json_obj(inst->desired, "devices"), device) != NULL)
		return false;
	cJSON_ArrayForEach(profile, json_arr(inst->desired, "profiles"))
		if (cJSON_IsString(profile) &&
		    custom_is_device_of(json_obj(json_obj(profile_get(b->profiles, profile->valuestring), "devices"), device), pool, name))
			return true;
	return false;
}

enum wanted { USERS_ALL, USERS_RUNNING, USERS_SHOWN }; /* shown: as LXD lists them */

/* disks: volume_disks() */
static cJSON *users_among(struct berthd *b, const cJSON *disks, const char *pool, const char *name, enum wanted wanted)
{
	AUTO_FREE char *path = custom_path(b, pool, name);
	AUTO_FREE const char **profiles = profile_names(b->profiles);
	cJSON *urls = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach(item, disks) {
		const struct instance *inst = registry_get(b->registry, json_str_or(item, "instance", ""));

		if (volume_touches(b, json_str_or(item, "source", ""), path) &&
		    (wanted != USERS_RUNNING || (inst != NULL && instance_active(inst))) &&
		    (wanted != USERS_SHOWN || !by_profile(b, inst, json_str_or(item, "device", ""), pool, name)))
			add_url(urls, "instances", json_str_or(item, "instance", ""));
	}
	for (const char **p = profiles; wanted != USERS_RUNNING && *p != NULL; p++) {
		cJSON_ArrayForEach(item, json_obj(profile_get(b->profiles, *p), "devices"))
			if (custom_is_device_of(item, pool, name))
				add_url(urls, "profiles", *p);
	}
	return urls;
}

cJSON *custom_users(struct berthd *b, const char *pool, const char *name, bool running)
{
	AUTO_JSON cJSON *disks = volume_disks(b);

	return users_among(b, disks, pool, name, running ? USERS_RUNNING : USERS_ALL);
}

/* ---- LXD's objects */

static cJSON *describe(struct berthd *b, const cJSON *disks, const char *pool, const char *name)
{
	cJSON *v = custom_read(b, pool, name);

	json_set_str(v, "name", name);
	json_set_str(v, "type", "custom");
	json_set_str(v, "content_type", "filesystem");
	json_set_str(v, "location", "none");
	json_set_str(v, "project", "default");
	json_set(v, "used_by", users_among(b, disks, pool, name, USERS_SHOWN));
	json_sort(v);
	return v;
}

cJSON *custom_get(struct berthd *b, const char *pool, const char *name, struct error *err)
{
	AUTO_JSON cJSON *disks = NULL;

	if (custom_find(b, pool, name, err) < 0)
		return NULL;
	disks = volume_disks(b);
	return describe(b, disks, pool, name);
}

static int is_volume(const struct dirent *d)
{
	AUTO_FREE char *name = custom_name_of_file(d->d_name);

	return name != NULL;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Appends the names that the folders in dir stand for, with the prefix. */
static void add_folders(cJSON *names, const char *dir, const char *prefix)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_volume, compare_names);

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = fs_join(dir, entries[i]->d_name);
		AUTO_FREE char *decoded = custom_name_of_file(entries[i]->d_name);
		AUTO_FREE char *name = mem_printf("%s%s", prefix, decoded);
		struct stat st;

		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			cJSON_AddItemToArray(names, cJSON_CreateString(name));
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* extern_path has a folder for each instance that owns volumes. */
static void add_owned(const struct berthd *b, cJSON *names)
{
	AUTO_JSON cJSON *owners = cJSON_CreateArray();
	const cJSON *owner;

	add_folders(owners, b->settings->extern_path, "");
	cJSON_ArrayForEach(owner, owners) {
		AUTO_FREE char *dir = fs_join(b->settings->extern_path, owner->valuestring);
		AUTO_FREE char *prefix = mem_printf("%s_", owner->valuestring);

		if (type_is_name(owner->valuestring) && strchr(owner->valuestring, '_') == NULL)
			add_folders(names, dir, prefix);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(json_str_or(*(cJSON *const *)a, "name", ""), json_str_or(*(cJSON *const *)b, "name", ""));
}

static int by_text(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->valuestring, (*(cJSON *const *)b)->valuestring);
}

static cJSON *sorted(cJSON *list_taken, int (*compare)(const void *, const void *))
{
	size_t n = 0, max = (size_t)cJSON_GetArraySize(list_taken);
	cJSON **items = mem_alloc((max + 1) * sizeof(cJSON *)), *list = cJSON_CreateArray();

	while (list_taken->child != NULL)
		items[n++] = cJSON_DetachItemViaPointer(list_taken, list_taken->child);
	qsort(items, n, sizeof(cJSON *), compare);
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, items[i]);
	free(items);
	cJSON_Delete(list_taken);
	return list;
}

cJSON *custom_names(const struct berthd *b, const char *pool)
{
	AUTO_FREE char *dir = pool_volumes(b, pool);
	cJSON *names = cJSON_CreateArray();

	add_folders(names, dir, "");
	if (strcmp(pool, POOL_DEFAULT) == 0)
		add_owned(b, names);
	return sorted(names, by_text);
}

cJSON *custom_list(struct berthd *b, const char *pool)
{
	AUTO_JSON cJSON *names = custom_names(b, pool);
	AUTO_JSON cJSON *disks = volume_disks(b);
	cJSON *list = cJSON_CreateArray();
	const cJSON *name;

	cJSON_ArrayForEach(name, names)
		cJSON_AddItemToArray(list, describe(b, disks, pool, name->valuestring));
	return list;
}

/* ---- snapshots */

char *custom_snapshot_folder(const char *meta, const char *snapshot)
{
	AUTO_FREE char *file = custom_name_to_file(snapshot);

	return mem_printf("%s/snapshots/%s", meta, file);
}

static cJSON *describe_snapshot(const char *meta, const char *snapshot)
{
	AUTO_FREE char *dir = custom_snapshot_folder(meta, snapshot), *file = fs_join(dir, CUSTOM_SNAPSHOT_FILE);
	struct error err = ERROR_INIT;
	cJSON *v = json_read_file(file, &err);

	if (v == NULL) {
		log_warning("snapshot of a volume: %s", err.msg);
		v = cJSON_CreateObject();
		cJSON_AddObjectToObject(v, "config");
		json_set_str(v, "description", "");
		json_set_str(v, "created_at", TIME_UNSET);
		json_set_str(v, "expires_at", TIME_UNSET);
	}
	json_set_str(v, "name", snapshot);
	json_set_str(v, "content_type", "filesystem");
	json_sort(v);
	return v;
}

static int by_creation(const void *a, const void *b)
{
	int order = strcmp(json_str_or(*(cJSON *const *)a, "created_at", ""), json_str_or(*(cJSON *const *)b, "created_at", ""));

	return order != 0 ? order : by_name(a, b);
}

cJSON *custom_snapshot_list(struct berthd *b, const char *pool, const char *name, struct error *err)
{
	AUTO_FREE char *meta = NULL;
	AUTO_FREE char *dir = NULL;
	AUTO_JSON cJSON *names = cJSON_CreateArray();
	cJSON *list;
	const cJSON *item;

	if (custom_find(b, pool, name, err) < 0)
		return NULL;
	meta = custom_meta(b, pool, name);
	dir = fs_join(meta, "snapshots");
	add_folders(names, dir, "");
	list = cJSON_CreateArray();
	cJSON_ArrayForEach(item, names)
		cJSON_AddItemToArray(list, describe_snapshot(meta, item->valuestring));
	return sorted(list, by_creation);
}

cJSON *custom_snapshot_get(struct berthd *b, const char *pool, const char *name, const char *snapshot, struct error *err)
{
	AUTO_FREE char *meta = NULL;
	AUTO_FREE char *path = NULL;
	struct error ignored = ERROR_INIT;
	struct stat st;

	if (custom_find(b, pool, name, err) < 0)
		return NULL;
	meta = custom_meta(b, pool, name);
	path = custom_snapshot_folder(meta, snapshot);
	if (custom_name_check(snapshot, &ignored) == 0 && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return describe_snapshot(meta, snapshot);
	error_set(err, ERROR_NOT_FOUND, "Storage pool volume not found");
	return NULL;
}
