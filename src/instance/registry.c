/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/ask.h"
#include "instance/instance.h"
#include "instance/place.h"
#include "instance/proxy.h"
#include "instance/reboot.h"
#include "instance/registry_private.h"
#include "instance/snapshot.h"
#include "instance/sweep.h"
#include "instance/watch.h"
#include "lxc/monitor.h"
#include "model/settings.h"

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

void registry_changed(const struct registry *r)
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

void registry_remove(struct registry *r, const char *name)
{
	proxy_instance_gone(r->b, name);
	strmap_remove(r->instances, name);
	registry_changed(r);
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
		registry_on_folder(name, r);
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
		r->folder = folder_watch_start(r->b->loop, path, registry_on_folder, r, err);
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

static int compare_claims(const void *a, const void *b, void *registry)
{
	const struct instance *one = registry_get(registry, *(const char *const *)a);
	const struct instance *other = registry_get(registry, *(const char *const *)b);
	int by_age;

	if (instance_active(one) != instance_active(other))
		return instance_active(one) ? -1 : 1;
	by_age = strcmp(json_str_or(one->desired, "created_at", ""), json_str_or(other->desired, "created_at", ""));
	return by_age != 0 ? by_age : strcmp(one->name, other->name);
}

const char **registry_names_by_claim(const struct registry *r)
{
	const char **names = registry_names(r);

	qsort_r(names, registry_count(r), sizeof(*names), compare_claims, (void *)(uintptr_t)r);
	return names;
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

bool instance_uses_profile(const struct instance *inst, const char *profile)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(inst->desired, "profiles"))
		if (cJSON_IsString(item) && strcmp(item->valuestring, profile) == 0)
			return true;
	return false;
}

bool registry_uses_profile(const struct registry *r, const char *profile)
{
	const char *name;
	void *value;
	size_t pos = 0;

	while (strmap_next(r->instances, &pos, &name, &value))
		if (instance_uses_profile(value, profile))
			return true;
	return false;
}

static bool has_hwaddr(const cJSON *desired, const char *hwaddr)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_obj(desired, "config"))
		if (strncmp(item->string, "volatile.", 9) == 0 && strstr(item->string, ".hwaddr") != NULL && cJSON_IsString(item) &&
		    strcasecmp(item->valuestring, hwaddr) == 0)
			return true;
	cJSON_ArrayForEach(item, json_obj(desired, "devices"))
		if (strcasecmp(json_str_or(item, "hwaddr", ""), hwaddr) == 0)
			return true;
	return false;
}

bool registry_uses_hwaddr(const struct registry *r, const char *hwaddr)
{
	const char *name;
	void *value;
	size_t pos = 0;

	while (strmap_next(r->instances, &pos, &name, &value))
		if (has_hwaddr(((struct instance *)value)->desired, hwaddr))
			return true;
	return false;
}
