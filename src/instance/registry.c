/* SPDX-License-Identifier: MIT */
#include "instance/registry.h"

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
#include "base/strmap.h"
#include "instance/adopt.h"
#include "instance/ask.h"
#include "instance/reboot.h"
#include "instance/remains.h"
#include "instance/sweep.h"
#include "instance/watch.h"
#include "lxc/monitor.h"
#include "model/key.h"
#include "model/settings.h"
#include "proc/op.h"

enum { MAKING_S = 60 };

struct registry {
	struct berthd *b;
	struct strmap *instances;
	struct lxc_monitor *monitor;
	struct folder_watch *folder;
	void (*on_state)(struct instance *inst, enum lxc_state old, void *data);
	void *on_state_data;
	struct asker *asker;
	uint64_t clock; /* counts what was told of states */
};

static void instance_free(void *p)
{
	struct instance *inst = p;

	pid_watch_stop(inst->watch);
	cJSON_Delete(inst->desired);
	free(inst->name);
	free(inst->note);
	free(inst->text);
	free(inst);
}

char *instance_dir(const struct berthd *b, const char *name)
{
	return fs_join(b->settings->system_path, name);
}

bool instance_active(const struct instance *inst)
{
	return inst->state != LXC_STOPPED;
}

void registry_touch(struct instance *inst)
{
	free(inst->text);
	inst->text = NULL;
	inst->etag[0] = '\0';
}

/* ---- reading folders */

static bool desired_ok(const cJSON *v)
{
	return cJSON_IsObject(v) && json_obj(v, "config") != NULL && json_obj(v, "devices") != NULL &&
	       json_arr(v, "profiles") != NULL;
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
	registry_touch(inst);
}

struct instance *registry_load(struct registry *r, const char *name)
{
	AUTO_FREE char *dir = instance_dir(r->b, name);
	AUTO_FREE char *config = fs_join(dir, "config");
	struct instance *inst = strmap_get(r->instances, name);

	if (!fs_exists(config)) {
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
	return inst;
}

void registry_remove(struct registry *r, const char *name)
{
	strmap_remove(r->instances, name);
}

int registry_save(struct registry *r, struct instance *inst, enum json_write how, struct error *err)
{
	AUTO_FREE char *dir = instance_dir(r->b, inst->name);
	AUTO_FREE char *path = fs_join(dir, DESIRED_FILE);

	registry_touch(inst);
	if (!fs_exists(path)) /* a file that appears now would keep lxc-destroy from removing the folder */
		return error_set(err, ERROR_NOT_FOUND, "'%s' is gone: the container was destroyed meanwhile", path);
	return json_write_file(path, inst->desired, how, err);
}

static bool plausible_name(const struct registry *r, const char *name)
{
	const char *prefix = r->b->settings->filter_name;

	if (name[0] == '.' || strlen(name) > 255)
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("/\"\\%?#", *p) != NULL)
			return false; /* could not stand in URLs and JSON as it is */
	return prefix == NULL || strncmp(name, prefix, strlen(prefix)) == 0;
}

static int scan(struct registry *r, struct error *err)
{
	const char *path = r->b->settings->system_path;
	DIR *dir = opendir(path);
	struct dirent *d;

	if (dir == NULL)
		return error_sys(err, errno, "cannot read '%s'", path);
	while ((d = readdir(dir)) != NULL)
		if (plausible_name(r, d->d_name))
			(void)registry_load(r, d->d_name);
	closedir(dir);
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

/* Somebody made or removed a folder: berth's own changes hold the lock and load for themselves. */
static void on_folder(const char *name, void *data)
{
	struct registry *r = data;
	AUTO_FREE char *lock = mem_printf("instance/%s", name);
	bool known = strmap_get(r->instances, name) != NULL;

	if (!plausible_name(r, name))
		return;
	if (op_locked(r->b->ops, lock)) {
		folder_watch_again(r->folder, name);
		return;
	}
	if (registry_load(r, name) != NULL && !known) {
		log_info("instance '%s' appeared in '%s'", name, r->b->settings->system_path);
		registry_refresh(r, name);
	} else if (known && strmap_get(r->instances, name) == NULL) {
		log_info("instance '%s' vanished from '%s'", name, r->b->settings->system_path);
		if (remains_remove(r->b, name))
			log_info("instance '%s': what lxc-destroy left of it is removed", name);
	} else if (strmap_get(r->instances, name) == NULL && in_the_making(r, name)) {
		folder_watch_again(r->folder, name);
	}
}

/* ---- states */

static void on_pid_end(void *data)
{
	struct instance *inst = data;
	struct registry *r = inst->watch->owner;

	pid_watch_stop(inst->watch);
	inst->watch = NULL;
	registry_refresh(r, inst->name);
}

void registry_set_state(struct registry *r, struct instance *inst, enum lxc_state state, pid_t pid)
{
	enum lxc_state old = inst->state;
	bool active = state != LXC_STOPPED, new_run = false;

	inst->told = ++r->clock;
	if (!active)
		pid = 0;
	else if (pid == 0)
		pid = inst->pid;
	if (pid != inst->pid) {
		pid_watch_stop(inst->watch);
		inst->watch = pid > 0 ? pid_watch_start(r->b->loop, pid, on_pid_end, inst, r) : NULL;
		inst->pid = pid;
		new_run = pid > 0;
	}
	inst->state = state;
	if (new_run)
		reboot_look(r->b, inst);
	if (old == state)
		return;
	registry_touch(inst);
	log_debug("instance '%s': %s -> %s", inst->name, lxc_state_name(old), lxc_state_name(state));
	if (!active) {
		sweep_later(r->b, inst->name);
		folder_watch_again(r->folder, inst->name); /* lxc-destroy -f stops it first */
	}
	if (r->on_state != NULL)
		r->on_state(inst, old, r->on_state_data);
}

uint64_t registry_clock(const struct registry *r)
{
	return r->clock;
}

void registry_on_state(struct registry *r, void (*cb)(struct instance *inst, enum lxc_state old, void *data),
		       void *data)
{
	r->on_state = cb;
	r->on_state_data = data;
}

void registry_refresh(struct registry *r, const char *name)
{
	ask_one(r->asker, name);
}

void registry_sync(struct registry *r, void (*ready)(void *data), void *data)
{
	ask_all(r->asker, ready, data);
}

static void on_monitor(const char *name, enum lxc_state state, void *data)
{
	struct registry *r = data;
	struct instance *inst = registry_get(r, name);

	if (inst == NULL) {
		on_folder(name, r);
		return;
	}
	registry_set_state(r, inst, state, 0);
	/* a start that was not ours, or a reboot: which process is init now? */
	if (state == LXC_RUNNING || state == LXC_STOPPED)
		registry_refresh(r, name);
}

static void on_monitor_gap(void *data)
{
	struct registry *r = data;

	registry_sync(r, NULL, NULL);
}

/* ---- life and look-up */

struct registry *registry_open(struct berthd *b, struct error *err)
{
	struct registry *r = mem_alloc(sizeof(*r));

	r->b = b;
	r->instances = strmap_new(instance_free);
	r->asker = asker_new(r, b);
	if (scan(r, err) < 0)
		goto fail;
	r->folder = folder_watch_start(b->loop, b->settings->system_path, on_folder, r, err);
	if (r->folder == NULL)
		goto fail;
	r->monitor = lxc_monitor_start(b->loop, b->settings->system_path, on_monitor, on_monitor_gap, r, err);
	if (r->monitor == NULL)
		goto fail;
	return r;
fail:
	registry_free(r);
	return NULL;
}

void registry_free(struct registry *r)
{
	if (r == NULL)
		return;
	asker_free(r->asker);
	lxc_monitor_stop(r->monitor);
	folder_watch_stop(r->folder);
	strmap_free(r->instances);
	free(r);
}

struct instance *registry_get(const struct registry *r, const char *name)
{
	return strmap_get(r->instances, name);
}

struct instance *registry_find(const struct registry *r, const char *name, struct error *err)
{
	struct instance *inst = registry_get(r, name);

	if (inst == NULL)
		error_set(err, ERROR_NOT_FOUND, "Instance not found");
	return inst;
}

const char **registry_names(const struct registry *r)
{
	return strmap_keys(r->instances);
}

size_t registry_count(const struct registry *r)
{
	return strmap_count(r->instances);
}

static bool config_is(const struct instance *inst, const char *key, const char *value)
{
	const char *have = json_str(json_obj(inst->desired, "config"), key);

	return have != NULL && strcmp(have, value) == 0;
}

bool registry_uses_image(const char *fingerprint, void *registry)
{
	struct registry *r = registry;
	const char *name;
	void *value;
	size_t pos = 0;

	while (strmap_next(r->instances, &pos, &name, &value)) {
		const struct instance *inst = value;

		if (strcmp(json_str_or(inst->desired, "driver", ""), "overlay") == 0 &&
		    config_is(inst, "volatile.base_image", fingerprint))
			return true;
	}
	return false;
}

bool registry_uses_profile(const struct registry *r, const char *profile)
{
	const char *name;
	void *value;
	size_t pos = 0;

	while (strmap_next(r->instances, &pos, &name, &value)) {
		const cJSON *item;

		cJSON_ArrayForEach(item, json_arr(((struct instance *)value)->desired, "profiles"))
			if (cJSON_IsString(item) && strcmp(item->valuestring, profile) == 0)
				return true;
	}
	return false;
}
