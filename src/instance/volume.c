/* SPDX-License-Identifier: MIT */
#include "instance/volume.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/volume_work.h"
#include "model/key_types.h"
#include "model/settings.h"
#include "pool/pool.h"

#define NAME_LENGTH_MAX 63

/* ---- names and places */

static bool name_ok(const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	return len >= 1 && len <= NAME_LENGTH_MAX && strspn(name, plain) == len && strchr("._-", name[0]) == NULL;
}

int volume_name_check(const char *name, struct error *err)
{
	char show[TYPE_SHOW_SIZE];

	if (name_ok(name))
		return 0;
	return error_set(err, ERROR_INVALID, "Invalid volume name \"%s\": 1-%d letters, digits, '.', '_' and '-', beginning "
			 "with a letter or a digit", type_show(name, show), NAME_LENGTH_MAX);
}

static char *owner_path(const struct berthd *b, const char *owner)
{
	return fs_join(b->settings->extern_path, owner);
}

char *volume_path(const struct berthd *b, const char *owner, const char *name)
{
	return mem_printf("%s/%s/%s", b->settings->extern_path, owner, name);
}

/* Is path this folder, or something in it? */
static bool is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

bool volume_of_source(const struct berthd *b, const char *source, char **ret_owner, char **ret_name)
{
	const char *base = b->settings->extern_path, *owner, *name;
	size_t len = strlen(base), owner_len, name_len;

	if (source == NULL || !is_within(source, base) || source[len] == '\0')
		return false;
	owner = source + len + 1;
	owner_len = strcspn(owner, "/");
	if (owner_len == 0 || owner[owner_len] == '\0')
		return false;
	name = owner + owner_len + 1;
	name_len = strcspn(name, "/");
	if (name_len == 0 || (name[name_len] != '\0' && name[name_len + 1] != '\0'))
		return false;
	*ret_owner = mem_strndup(owner, owner_len);
	*ret_name = mem_strndup(name, name_len);
	return true;
}

bool volume_is_source(const struct berthd *b, const char *source, const char *owner, const char *name)
{
	AUTO_FREE char *its_owner = NULL;
	AUTO_FREE char *its_name = NULL;

	return volume_of_source(b, source, &its_owner, &its_name) && strcmp(owner, its_owner) == 0 &&
	       strcmp(name, its_name) == 0;
}

/* 1: a real folder; 0: nothing. */
static int is_folder(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot look at '%s'", path);
	return S_ISDIR(st.st_mode) ? 1 : error_set(err, ERROR_CONFLICT, "'%s' is in the way: it is no folder", path);
}

int volume_exists(const struct berthd *b, const char *owner, const char *name, struct error *err)
{
	AUTO_FREE char *parent = owner_path(b, owner);
	AUTO_FREE char *path = volume_path(b, owner, name);
	int rc = is_folder(parent, err);

	return rc > 0 ? is_folder(path, err) : rc;
}

int volume_check_free(const struct berthd *b, const char *owner, const char *name, struct error *err)
{
	AUTO_FREE char *dir = pool_volumes(b, POOL_DEFAULT);
	AUTO_FREE char *path = mem_printf("%s/%s_%s", dir, owner, name);

	return !fs_exists(path) ? 0 : error_set(err, ERROR_CONFLICT, "Volume by that name already exists: '%s_%s' of the storage pool '"
						POOL_DEFAULT "'", owner, name);
}

/* ---- making the folder */

static int make_folder(const char *path, mode_t mode, struct error *err)
{
	if (mkdir(path, mode) == 0)
		return 0;
	if (errno == EEXIST && is_folder(path, err) > 0)
		return 0;
	return err->code != ERROR_NONE ? -1 : error_sys(err, errno, "cannot make '%s'", path);
}

int volume_make(const struct work *w, const char *name, struct error *err)
{
	const char *base_path = w->b->settings->extern_path;
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *parent = owner_path(w->b, w->name);
	AUTO_FREE char *path = volume_path(w->b, w->name, name);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	if (inst == NULL)
		return -1;
	instance_expand(w->b, inst->desired, &config, &devices);
	idmap_of(w->b, config, &base, &size);
	if (w->b->probe->idmapped_mounts)
		base = 0; /* each mount maps them */
	if (fs_mkdirs(base_path, 0700, err) < 0 || make_folder(parent, 0700, err) < 0)
		return -1;
	if (lchown(parent, 0, 0) < 0 || chmod(parent, 0700) < 0)
		return error_sys(err, errno, "cannot set the owner of '%s'", parent);
	if (make_folder(path, 0755, err) < 0)
		return -1;
	if (lchown(path, base, base) < 0 || chmod(path, 0755) < 0)
		return error_sys(err, errno, "cannot set the owner of '%s'", path);
	return fs_sync_dir(parent, err) < 0 ? -1 : fs_sync_dir(base_path, err);
}

void volume_unmake(const struct berthd *b, const char *owner, const char *name)
{
	AUTO_FREE char *parent = owner_path(b, owner);
	AUTO_FREE char *path = volume_path(b, owner, name);

	/* what is not empty is somebody's, and stays */
	(void)rmdir(path);
	(void)rmdir(parent);
}

/* ---- who uses what */

static void add_user(cJSON *users, const struct instance *inst, const cJSON *device)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "instance", inst->name);
	json_set_str(v, "device", device->string);
	json_set_str(v, "path", json_str_or(device, "path", ""));
	json_set_bool(v, "readonly", type_is_true(json_str(device, "readonly")));
	json_set_str(v, "source", json_str_or(device, "source", ""));
	cJSON_AddItemToArray(users, v);
}

bool volume_touches(const struct berthd *b, const char *source, const char *folder)
{
	return is_within(source, folder) || (is_within(source, b->settings->extern_path) && is_within(folder, source));
}

/* folder NULL: all */
static cJSON *disks_in(struct berthd *b, const char *folder)
{
	AUTO_FREE const char **names = registry_names(b->registry);
	cJSON *users = cJSON_CreateArray();

	for (const char **n = names; *n != NULL; n++) {
		const struct instance *inst = registry_get(b->registry, *n);
		AUTO_JSON cJSON *config = NULL;
		AUTO_JSON cJSON *devices = NULL;
		const cJSON *device;

		if (inst->desired == NULL)
			continue;
		instance_expand(b, inst->desired, &config, &devices);
		cJSON_ArrayForEach(device, devices) {
			const char *source = json_str(device, "source");

			if (source != NULL && strcmp(json_str_or(device, "type", ""), "disk") == 0 &&
			    (folder == NULL || volume_touches(b, source, folder)))
				add_user(users, inst, device);
		}
	}
	return users;
}

cJSON *volume_disks(struct berthd *b)
{
	return disks_in(b, NULL);
}

cJSON *volume_users_of(struct berthd *b, const char *folder)
{
	return disks_in(b, folder);
}

cJSON *volume_users(struct berthd *b, const char *owner, const char *name)
{
	AUTO_FREE char *path = volume_path(b, owner, name);
	cJSON *users = volume_users_of(b, path), *user;

	cJSON_ArrayForEach(user, users)
		json_set(user, "source", NULL);
	return users;
}

/* ---- lists */

static void note_user(cJSON *volume, const cJSON *user)
{
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s", json_str(user, "instance"));
	cJSON *attached = cJSON_Duplicate(user, true), *used_by = json_arr(volume, "used_by");
	const cJSON *item;
	bool known = false;

	cJSON_ArrayForEach(item, used_by)
		known = known || strcmp(item->valuestring, url) == 0;
	if (!known)
		cJSON_AddItemToArray(used_by, cJSON_CreateString(url));
	json_set(attached, "source", NULL);
	cJSON_AddItemToArray(json_arr(volume, "attached"), attached);
}

static cJSON *describe(const struct berthd *b, const char *owner, const char *name, const cJSON *users)
{
	AUTO_FREE char *path = volume_path(b, owner, name);
	cJSON *v = cJSON_CreateObject();
	const cJSON *user;

	json_set_str(v, "name", name);
	json_set_str(v, "owner", owner);
	json_set_str(v, "path", path);
	json_set_bool(v, "orphaned", registry_get(b->registry, owner) == NULL);
	cJSON_AddArrayToObject(v, "used_by");
	cJSON_AddArrayToObject(v, "attached");
	cJSON_ArrayForEach(user, users) {
		if (volume_touches(b, json_str(user, "source"), path))
			note_user(v, user);
	}
	return v;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_name(const struct dirent *d)
{
	return name_ok(d->d_name);
}

/* cb for each folder in path whose name a volume or an owner can have, sorted. */
static int each_folder(const char *path, void (*cb)(const char *name, void *data), void *data, struct error *err)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_name, compare_names);

	if (n < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot read '%s'", path);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *full = fs_join(path, entries[i]->d_name);
		struct stat st;

		if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode))
			cb(entries[i]->d_name, data);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

struct listing {
	const struct berthd *b;
	const char *owner;
	cJSON *users, *list;
	struct error *err;
};

static void list_volume(const char *name, void *data)
{
	struct listing *l = data;

	cJSON_AddItemToArray(l->list, describe(l->b, l->owner, name, l->users));
}

static void list_owner(const char *owner, void *data)
{
	struct listing *l = data;
	AUTO_FREE char *path = owner_path(l->b, owner);

	l->owner = owner;
	if (l->err->code == ERROR_NONE)
		(void)each_folder(path, list_volume, l, l->err);
}

cJSON *volume_list(struct berthd *b, const char *owner, struct error *err)
{
	struct listing l = { .b = b, .list = cJSON_CreateArray(), .err = err };

	l.users = volume_users_of(b, b->settings->extern_path);
	if (owner == NULL)
		(void)each_folder(b->settings->extern_path, list_owner, &l, err);
	else if (name_ok(owner))
		list_owner(owner, &l);
	cJSON_Delete(l.users);
	if (err->code == ERROR_NONE)
		return l.list;
	cJSON_Delete(l.list);
	return NULL;
}

cJSON *volume_get(struct berthd *b, const char *owner, const char *name, struct error *err)
{
	AUTO_FREE char *path = volume_path(b, owner, name);
	int found = name_ok(owner) && name_ok(name) ? volume_exists(b, owner, name, err) : 0;
	cJSON *users, *v;

	if (found == 0)
		error_set(err, ERROR_NOT_FOUND, "Volume not found: '%.64s/%.64s'", owner, name);
	if (found <= 0)
		return NULL;
	users = volume_users_of(b, path);
	v = describe(b, owner, name, users);
	cJSON_Delete(users);
	return v;
}

/* ---- when an instance is renamed or copied */

bool volume_owns(const struct berthd *b, const char *owner)
{
	AUTO_FREE char *path = owner_path(b, owner);

	return fs_exists(path);
}

int volume_rename_check(struct berthd *b, const char *from, const char *to, struct error *err)
{
	const struct instance *inst = registry_get(b->registry, from);
	AUTO_FREE char *path = owner_path(b, from);
	AUTO_FREE char *target = owner_path(b, to);
	AUTO_JSON cJSON *users = NULL;
	const cJSON *user;

	if (!fs_exists(path))
		return 0;
	if (rmdir(target) < 0 && errno != ENOENT)
		return error_set(err, ERROR_CONFLICT, "there are volumes of an earlier instance '%s' in '%s': delete them first",
				 to, target);
	users = volume_users_of(b, path);
	cJSON_ArrayForEach(user, users) {
		const char *name = json_str(user, "instance"), *device = json_str(user, "device");

		if (strcmp(name, from) != 0)
			return error_set(err, ERROR_CONFLICT, "a volume of '%s' is attached to '%s' (device \"%s\"): detach it "
					 "first", from, name, device);
		if (json_obj(json_obj(inst->desired, "devices"), device) == NULL)
			return error_set(err, ERROR_CONFLICT, "device \"%s\" of a profile names a volume of '%s': remove it there "
					 "first", device, from);
	}
	return 0;
}

int volume_rename(struct berthd *b, const char *from, const char *to, struct error *err)
{
	AUTO_FREE char *path = owner_path(b, from);
	AUTO_FREE char *target = owner_path(b, to);

	if (!fs_exists(path) && fs_exists(target))
		return 0;
	if (rename(path, target) < 0)
		return error_sys(err, errno, "cannot rename '%s' to '%s'", path, target);
	return fs_sync_dir(b->settings->extern_path, err);
}

void volume_rename_devices(const struct berthd *b, cJSON *devices, const char *from, const char *to)
{
	AUTO_FREE char *path = owner_path(b, from);
	AUTO_FREE char *target = owner_path(b, to);
	cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const char *source = json_str(device, "source");

		if (source != NULL && is_within(source, path))
			json_set_strf(device, "source", "%s%s", target, source + strlen(path));
	}
}

void volume_drop(const struct berthd *b, cJSON *devices, const cJSON *source)
{
	cJSON *device, *next;

	for (device = devices != NULL ? devices->child : NULL; device != NULL; device = next) {
		const char *path = json_str(device, "source");

		next = device->next;
		if (path != NULL && is_within(path, b->settings->extern_path) &&
		    cJSON_Compare(device, json_obj(source, device->string), true))
			cJSON_Delete(cJSON_DetachItemViaPointer(devices, device));
	}
}
