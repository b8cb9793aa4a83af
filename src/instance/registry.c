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
#include "host/forward.h"
#include "instance/adopt.h"
#include "instance/ask.h"
#include "instance/instance.h"
#include "instance/place.h"
#include "instance/proxy.h"
#include "instance/reboot.h"
#include "instance/remains.h"
#include "instance/snapshot.h"
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
	struct {
		void (*cb)(struct instance *inst, enum lxc_state old, void *data);
		void *data;
	} on_state[4];
	size_t n_on_state;
	struct {
		void (*cb)(void *data); /* NULL: free */
		void *data;
	} on_change[4];
	struct asker *asker;
	uint64_t clock; /* counts what was told of states */
};

static void instance_free(void *p)
{
	struct instance *inst = p;

	pid_watch_stop(inst->watch);
	cJSON_Delete(inst->desired);
	snapshot_changed(inst);
	free(inst->name);
	free(inst->note);
	free(inst->text);
	free(inst);
}

char *instance_dir(const struct berthd *b, const char *name)
{
	return place_dir(b, name);
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

/* {0} when that cannot be told. */
static struct timespec changed_at(const char *dir, const char *file)
{
	AUTO_FREE char *path = fs_join(dir, file);
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

static void changed(const struct registry *r)
{
	for (size_t i = 0; i < sizeof(r->on_change) / sizeof(r->on_change[0]); i++)
		if (r->on_change[i].cb != NULL)
			r->on_change[i].cb(r->on_change[i].data);
}

void registry_on_change(struct registry *r, void (*cb)(void *data), void *data)
{
	for (size_t i = 0; i < sizeof(r->on_change) / sizeof(r->on_change[0]); i++) {
		if (cb != NULL ? r->on_change[i].cb != NULL : r->on_change[i].data != data)
			continue;
		r->on_change[i].cb = cb;
		r->on_change[i].data = cb != NULL ? data : NULL;
		return;
	}
	if (cb != NULL)
		abort();
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
	changed(r);
	return inst;
}

void registry_remove(struct registry *r, const char *name)
{
	proxy_instance_gone(r->b, name);
	strmap_remove(r->instances, name);
	changed(r);
}

int registry_save(struct registry *r, struct instance *inst, enum json_write how, struct error *err)
{
	AUTO_FREE char *dir = instance_dir(r->b, inst->name);
	AUTO_FREE char *path = fs_join(dir, DESIRED_FILE);

	registry_touch(inst);
	changed(r);
	if (!fs_exists(path)) /* a file that appears now would keep lxc-destroy from removing the folder */
		return error_set(err, ERROR_NOT_FOUND, "'%s' is gone: the container was destroyed meanwhile", path);
	if (json_write_file(path, inst->desired, how, err) < 0)
		return -1;
	inst->read_from = changed_at(dir, DESIRED_FILE);
	return 0;
}

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

/* Somebody made or removed a folder: berth's own changes hold the lock and load for themselves. */
static void on_folder(const char *name, void *data)
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
	bool active = state != LXC_STOPPED, told_pid = active && pid > 0, new_run = false, new_pid = false;

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
		new_pid = true;
	}
	inst->complete = told_pid && inst->watch != NULL;
	inst->state = state;
	if (new_run) {
		inst->ended = false;
		reboot_look(r->b, inst);
	}
	if (new_pid)
		proxy_reconcile(r->b, inst);
	if (old == state)
		return;
	registry_touch(inst);
	log_debug("instance '%s': %s -> %s", inst->name, lxc_state_name(old), lxc_state_name(state));
	if (!active) {
		sweep_later(r->b, inst->name);
		if (r->folder != NULL)
			folder_watch_again(r->folder, inst->name); /* lxc-destroy -f stops it first */
	}
	for (size_t i = 0; i < r->n_on_state; i++)
		r->on_state[i].cb(inst, old, r->on_state[i].data);
}

uint64_t registry_clock(const struct registry *r)
{
	return r->clock;
}

void registry_on_state(struct registry *r, void (*cb)(struct instance *inst, enum lxc_state old, void *data),
		       void *data)
{
	if (r->n_on_state == sizeof(r->on_state) / sizeof(r->on_state[0]))
		abort();
	r->on_state[r->n_on_state].cb = cb;
	r->on_state[r->n_on_state++].data = data;
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

int registry_watch(struct registry *r, struct error *err)
{
	const char *path = r->b->settings->system_path;

	if (r->folder == NULL)
		r->folder = folder_watch_start(r->b->loop, path, on_folder, r, err);
	if (r->folder != NULL && r->monitor == NULL)
		r->monitor = lxc_monitor_start(r->b->loop, path, on_monitor, on_monitor_gap, r, err);
	return r->monitor != NULL ? 0 : -1;
}

void registry_unwatch(struct registry *r)
{
	lxc_monitor_stop(r->monitor);
	r->monitor = NULL;
	folder_watch_stop(r->folder);
	r->folder = NULL;
}

struct registry *registry_open(struct berthd *b, struct error *err)
{
	struct registry *r = mem_alloc(sizeof(*r));
	struct registry_scan found;

	r->b = b;
	r->instances = strmap_new(instance_free);
	r->asker = asker_new(r, b);
	if (registry_scan(r, NULL, &found, err) == 0 && registry_watch(r, err) == 0)
		return r;
	registry_free(r);
	return NULL;
}

void registry_free(struct registry *r)
{
	if (r == NULL)
		return;
	asker_free(r->asker);
	registry_unwatch(r);
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

	if (inst == NULL && !place_lost(r->b, name, err))
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

bool registry_uses_image(const char *fingerprint, void *registry)
{
	struct registry *r = registry;
	const char *name;
	void *value;
	size_t pos = 0;

	while (strmap_next(r->instances, &pos, &name, &value)) {
		struct instance *inst = value;
		const char *image = instance_image(inst->desired);

		if (image != NULL && strcmp(image, fingerprint) == 0)
			return true;
		if (!inst->adopted && snapshot_uses_image(r->b, inst, fingerprint))
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
