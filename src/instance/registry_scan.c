/* SPDX-License-Identifier: MIT */
/* The registry and the folders in system_path: reading, writing, looking for what came and went. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/forward.h"
#include "instance/adopt.h"
#include "instance/place.h"
#include "instance/registry_private.h"
#include "instance/remains.h"
#include "instance/snapshot.h"
#include "instance/watch.h"
#include "model/settings.h"
#include "proc/op.h"

enum { MAKING_S = 60 };

/* ---- one folder */

static bool desired_ok(const cJSON *v)
{
	return cJSON_IsObject(v) && json_obj(v, "config") != NULL && json_obj(v, "devices") != NULL &&
	       json_arr(v, "profiles") != NULL;
}

/* {0} when that cannot be told. */
static struct timespec changed_at(const char *dir, const char *file)
{
	AUTO_FREE char *path = fs_join(dir, file);
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

static void read_desired(struct registry *r, struct instance *inst)
{
	AUTO_FREE char *dir = instance_dir(r->b, inst->name);
	AUTO_FREE char *path = fs_join(dir, DESIRED_FILE);
	struct error err = ERROR_INIT;
	cJSON *v = NULL;

	free(inst->note);
	inst->note = NULL;
	inst->adopted = !fs_exists(path);
	inst->read_from = changed_at(dir, inst->adopted ? "config" : DESIRED_FILE);
	if (inst->adopted)
		v = adopt_describe(dir, &err);
	else
		v = json_read_file(path, &err);
	if (v != NULL && !desired_ok(v)) {
		error_set(&err, ERROR_INVALID, "'%s' lacks config, devices or profiles", path);
		cJSON_Delete(v);
		v = NULL;
	}
	if (v == NULL) {
		log_warning("instance '%s': %s", inst->name, err.msg);
		inst->note = mem_strdup(err.msg);
		v = adopt_empty();
	}
	cJSON_Delete(inst->desired);
	inst->desired = v;
	snapshot_changed(inst);
	registry_touch(inst);
}

struct instance *registry_load(struct registry *r, const char *name)
{
	AUTO_FREE char *dir = instance_dir(r->b, name);
	AUTO_FREE char *config = fs_join(dir, "config");
	struct instance *inst = strmap_get(r->instances, name);

	if (!fs_exists(config)) {
		if (inst != NULL && place_lost(r->b, name, &(struct error)ERROR_INIT))
			return inst; /* as it was known, until its pool is there again */
		if (inst != NULL)
			registry_remove(r, name);
		return NULL;
	}
	if (inst == NULL) {
		inst = mem_alloc(sizeof(*inst));
		inst->name = mem_strdup(name);
		inst->state = LXC_STOPPED;
		strmap_put(r->instances, name, inst);
	}
	read_desired(r, inst);
	registry_changed(r);
	return inst;
}

int registry_save(struct registry *r, struct instance *inst, enum json_write how, struct error *err)
{
	AUTO_FREE char *dir = instance_dir(r->b, inst->name);
	AUTO_FREE char *path = fs_join(dir, DESIRED_FILE);

	registry_touch(inst);
	registry_changed(r);
	if (!fs_exists(path)) /* a file that appears now would keep lxc-destroy from removing the folder */
		return error_set(err, ERROR_NOT_FOUND, "'%s' is gone: the container was destroyed meanwhile", path);
	if (json_write_file(path, inst->desired, how, err) < 0)
		return -1;
	inst->read_from = changed_at(dir, DESIRED_FILE);
	return 0;
}

/* ---- all of them */

static bool has_prefix(const char *name, const char *prefix)
{
	return prefix == NULL || strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool plausible_name(const struct registry *r, const char *name)
{
	if (name[0] == '.' || strlen(name) > 255)
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("/\"\\%?#", *p) != NULL)
			return false; /* could not stand in URLs and JSON as it is */
	return has_prefix(name, r->b->settings->filter_name);
}

int registry_check_name(const struct registry *r, const char *name, struct error *err)
{
	const char *prefix = r->b->settings->filter_name;

	if (has_prefix(name, prefix))
		return 0;
	return error_set(err, ERROR_INVALID, "Invalid instance name: '%.63s' must start with '%s' (filter_name of berth.conf)",
			 name, prefix);
}

/* What an operation is at is its own: it loads and removes for itself. */
static bool locked(const struct registry *r, const char *name)
{
	AUTO_FREE char *lock = mem_printf("instance/%s", name);

	return op_locked(r->b->ops, lock);
}

/* One that is known and whose text is what was read: nothing to do for it (a thousand of them cost some ms). */
static bool as_read(struct registry *r, const char *name)
{
	const struct instance *inst = strmap_get(r->instances, name);
	AUTO_FREE char *dir = instance_dir(r->b, name);
	AUTO_FREE char *config = fs_join(dir, "config");
	AUTO_FREE char *own = fs_join(dir, DESIRED_FILE);
	struct timespec now;

	if (inst == NULL || !fs_exists(config) || fs_exists(own) == inst->adopted)
		return false;
	now = changed_at(dir, inst->adopted ? "config" : DESIRED_FILE);
	return now.tv_sec != 0 && inst->read_from.tv_sec == now.tv_sec && inst->read_from.tv_nsec == now.tv_nsec;
}

static void scan_one(struct registry *r, const char *name, struct registry_scan *ret)
{
	bool known = strmap_get(r->instances, name) != NULL;

	if (locked(r, name)) {
		ret->scanned += known;
		return;
	}
	if (!as_read(r, name) && registry_load(r, name) == NULL) {
		ret->removed += known;
		if (known && remains_remove(r->b, name))
			log_info("instance '%s': what lxc-destroy left of it is removed", name);
		return;
	}
	ret->scanned++;
	ret->added += !known;
}

static void forget_vanished(struct registry *r, const char *prefix, struct registry_scan *ret)
{
	const char **names = registry_names(r);

	for (const char **n = names; *n != NULL; n++) {
		AUTO_FREE char *dir = instance_dir(r->b, *n);

		if (!has_prefix(*n, prefix) || fs_exists(dir) || locked(r, *n) ||
		    place_lost(r->b, *n, &(struct error)ERROR_INIT))
			continue;
		log_info("instance '%s' vanished from '%s'", *n, r->b->settings->system_path);
		registry_remove(r, *n);
		ret->removed++;
	}
	free(names);
}

int registry_scan(struct registry *r, const char *prefix, struct registry_scan *ret, struct error *err)
{
	const char *path = r->b->settings->system_path;
	DIR *dir = opendir(path);
	struct dirent *d;

	*ret = (struct registry_scan){ 0 };
	if (dir == NULL)
		return error_sys(err, errno, "cannot read '%s'", path);
	while ((d = readdir(dir)) != NULL)
		if (plausible_name(r, d->d_name) && has_prefix(d->d_name, prefix))
			scan_one(r, d->d_name, ret);
	closedir(dir);
	forget_vanished(r, prefix, ret);
	return 0;
}

/* A folder that is new and has no config yet: on a slow machine its maker takes longer than the dust to settle. */
static bool in_the_making(const struct registry *r, const char *name)
{
	AUTO_FREE char *dir = instance_dir(r->b, name);
	struct stat st;
	time_t now = time(NULL);

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_ctime <= now && now - st.st_ctime < MAKING_S;
}

void registry_on_folder(const char *name, void *data)
{
	struct registry *r = data;
	bool known = strmap_get(r->instances, name) != NULL;

	if (!plausible_name(r, name))
		return;
	if (locked(r, name)) {
		folder_watch_again(r->folder, name);
		return;
	}
	if (registry_load(r, name) != NULL && !known) {
		log_info("instance '%s' appeared in '%s'", name, r->b->settings->system_path);
		registry_refresh(r, name);
	} else if (known && strmap_get(r->instances, name) == NULL) {
		log_info("instance '%s' vanished from '%s'", name, r->b->settings->system_path);
		forward_instance_gone(r->b, name);
		if (remains_remove(r->b, name))
			log_info("instance '%s': what lxc-destroy left of it is removed", name);
	} else if (strmap_get(r->instances, name) == NULL && in_the_making(r, name)) {
		folder_watch_again(r->folder, name);
	}
}
