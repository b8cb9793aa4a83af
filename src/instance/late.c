/* SPDX-License-Identifier: MIT */
#include "instance/late.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "instance/applied.h"
#include "instance/update.h"
#include "instance/watch.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/settings.h"
#include "proc/proc.h"

struct late {
	struct berthd *b;
	struct strmap *watches; /* instance -> struct watched */
};

/* One device of one instance. */
struct one {
	struct watched *of;
	char *device, *name, *source; /* name: the last part of source */
	struct folder_watch *watch;
};

struct watched {
	struct berthd *b;
	char *instance;
	cJSON *devices; /* those that are watched, as they were */
	struct one *list;
	size_t n;
};

static void watched_free(void *value)
{
	struct watched *w = value;

	for (size_t i = 0; i < w->n; i++) {
		folder_watch_stop(w->list[i].watch);
		free(w->list[i].device);
		free(w->list[i].source);
	}
	free(w->list);
	free(w->instance);
	cJSON_Delete(w->devices);
	free(w);
}

static const char *source_of(const cJSON *device)
{
	const char *source = device_prop(device, "source");

	return source ? source : device_prop(device, "path");
}

static bool may_be_late(const cJSON *device)
{
	return strncmp(json_str_or(device, "type", ""), "unix-", 5) == 0 &&
	       type_is_false(device_prop(device, "required")) && source_of(device) && !device_prop(device, "major");
}

/* The container is noted to lack it, or to have a node of before: the update that mends that gives it the new one. */
static void give(struct berthd *b, struct instance *inst, const char *device)
{
	AUTO_JSON cJSON *states = cJSON_CreateArray();
	cJSON *without = applied_wanted(b, inst);
	struct error err = ERROR_INIT;

	cJSON_AddItemToArray(states, applied_wanted(b, inst));
	cJSON_DeleteItemFromObjectCaseSensitive(json_obj(without, "devices"), device);
	cJSON_AddItemToArray(states, without);
	if (applied_write(b, inst, states, &err) < 0)
		log_warning("instance '%s': %s", inst->name, err.msg);
	else
		update_bring_in_line(b, inst);
}

static void taken(const struct proc_result *result, void *data)
{
	struct error err = ERROR_INIT;

	if (proc_check("berth-rootfs", result, &err) < 0)
		log_debug("a device node that went: %s", err.msg);
}

static void take(struct berthd *b, const struct instance *inst, const cJSON *device)
{
	const char *path = device_prop(device, "path");
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .on_exit = taken, .timeout_ms = 10000 };
	struct error err = ERROR_INIT;

	argv_pushf(&argv, "%s/berth-rootfs", b->settings->libexec_dir);
	argv_push(&argv, "detach");
	argv_pushf(&argv, "--pid=%d", (int)inst->pid);
	argv_pushf(&argv, "--target=%s", path ? path : source_of(device));
	spec.argv = (const char *const *)argv.v;
	if (!proc_start(b->loop, &spec, &err))
		log_warning("instance '%s': %s", inst->name, err.msg);
}

static void folder_cb(const char *name, void *data)
{
	const struct one *one = data;
	struct berthd *b = one->of->b;
	struct instance *inst = registry_get(b->registry, one->of->instance);

	if (!inst || inst->pid == 0 || strcmp(name, one->name) != 0)
		return;
	if (fs_exists(one->source))
		give(b, inst, one->device);
	else
		take(b, inst, json_obj(one->of->devices, one->device));
}

static void watch_one(struct watched *w, const cJSON *device)
{
	struct one *one = &w->list[w->n];
	struct error err = ERROR_INIT;
	char *slash;

	one->of = w;
	one->source = mem_strdup(source_of(device));
	slash = strrchr(one->source, '/');
	if (slash == one->source || !slash[1]) {
		free(one->source);
		return;
	}
	one->device = mem_strdup(device->string);
	one->name = slash + 1;
	*slash = '\0';
	one->watch = folder_watch_start(w->b->loop, one->source, folder_cb, one, &err);
	*slash = '/';
	if (!one->watch)
		log_warning("instance '%s', device '%s': %s", w->instance, device->string, err.msg);
	w->n++;
}

static cJSON *late_ones(const cJSON *devices)
{
	cJSON *list = cJSON_CreateObject();
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		if (may_be_late(device))
			json_set(list, device->string, cJSON_Duplicate(device, true));
	}
	return list;
}

void late_reconcile(struct berthd *b, const struct instance *inst, const cJSON *devices)
{
	struct watched *w = b->late ? strmap_get(b->late->watches, inst->name) : NULL;
	cJSON *wanted, *device;

	if (!b->late)
		return;
	wanted = late_ones(devices);
	if (w ? cJSON_Compare(w->devices, wanted, true) : !wanted->child) {
		cJSON_Delete(wanted);
		return;
	}
	strmap_remove(b->late->watches, inst->name);
	if (!wanted->child) {
		cJSON_Delete(wanted);
		return;
	}
	w = mem_alloc(sizeof(*w));
	w->b = b;
	w->instance = mem_strdup(inst->name);
	w->devices = wanted;
	w->list = mem_alloc((size_t)cJSON_GetArraySize(wanted) * sizeof(*w->list));
	cJSON_ArrayForEach(device, wanted)
		watch_one(w, device);
	strmap_put(b->late->watches, inst->name, w);
}

void late_instance_gone(struct berthd *b, const char *name)
{
	if (b->late)
		strmap_remove(b->late->watches, name);
}

void late_start(struct berthd *b)
{
	b->late = mem_alloc(sizeof(*b->late));
	b->late->b = b;
	b->late->watches = strmap_new(watched_free);
}

void late_stop(struct berthd *b)
{
	struct late *late = b->late;

	if (!late)
		return;
	b->late = NULL;
	strmap_free(late->watches);
	free(late);
}
