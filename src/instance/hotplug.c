/* SPDX-License-Identifier: MIT */
#include "instance/hotplug.h"

#include <dirent.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"
#include "base/strmap.h"
#include "instance/applied.h"
#include "instance/update.h"
#include "model/device.h"
#include "model/device_match.h"
#include "model/settings.h"

enum {
	KERNEL_GROUP = 1,   /* of NETLINK_KOBJECT_UEVENT; 2 is udev's */
	RECEIVE_BUFFER = 1 << 20,
	SETTLE_MS = 20,     /* one plug is many events */
};

struct hotplug {
	struct berthd *b;
	struct strmap *followed; /* running instances with such devices -> the pid of their init */
	struct ear *ear;         /* NULL: nobody listens */
};

/* The socket; it outlives its owner until libuv has let go of it. */
struct ear {
	struct hotplug *of;
	uv_poll_t poll;
	uv_timer_t settle;
	int fd;
	unsigned open; /* handles */
	bool stopped;
};

/* ---- one instance */

/* A file in the folder of its nodes, as devices_match() says it; NULL: none of this device. */
static char *given_node(const char *folder, const char *device, const char *file)
{
	AUTO_FREE char *node = fs_join(folder, file);
	AUTO_FREE char *path = match_file_path(device, file);
	struct stat st;

	if (!path || lstat(node, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
		return NULL;
	return mem_printf("%c %u:%u %s", S_ISCHR(st.st_mode) ? 'c' : 'b', major(st.st_rdev), minor(st.st_rdev), path);
}

/* What the folder says that the instance was given of this device. */
static cJSON *given_nodes(const char *folder, const char *device)
{
	cJSON *nodes = cJSON_CreateArray();
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		AUTO_FREE char *text = given_node(folder, device, entry->d_name);

		if (text)
			cJSON_AddItemToArray(nodes, cJSON_CreateString(text));
	}
	if (dir)
		closedir(dir);
	return nodes;
}

static bool all_in(const cJSON *nodes, const cJSON *others)
{
	const cJSON *item, *other;

	cJSON_ArrayForEach(item, nodes) {
		bool found = false;

		cJSON_ArrayForEach(other, others)
			found = found || strcmp(item->valuestring, other->valuestring) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* Makes of the wanted devices what the container has, in nodes. True: there is a difference. A privileged one can be given
 * nothing before its next start. */
static bool as_given(const char *dir, cJSON *devices, bool privileged)
{
	AUTO_FREE char *folder = fs_join(dir, "devices");
	bool differs = false;
	cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const cJSON *wanted = json_arr(device, MATCH_NODES);
		cJSON *given;

		if (!device_is_matched(device))
			continue;
		given = given_nodes(folder, device->string);
		differs = differs || !all_in(given, wanted) || (!privileged && !all_in(wanted, given));
		json_set(device, MATCH_NODES, given);
	}
	return differs;
}

/* The container is noted to have what it was given: the update that mends that gives and takes the rest. */
static void look(struct berthd *b, struct instance *inst)
{
	AUTO_FREE char *dir = instance_dir(b, inst->name);
	AUTO_JSON cJSON *states = applied_read(b, inst);
	struct error err = ERROR_INIT;
	uint32_t base, size;
	cJSON *last;

	if (!states) {
		states = cJSON_CreateArray();
		cJSON_AddItemToArray(states, applied_wanted(b, inst));
	}
	last = cJSON_GetArrayItem(states, cJSON_GetArraySize(states) - 1);
	devices_match(json_obj(last, "devices"), &(struct match_roots){ b->settings->sysfs_dir, "/proc", "/dev" });
	if (!as_given(dir, json_obj(last, "devices"), !instance_idmap(json_obj(last, "config"), b->probe, &base, &size)))
		return;
	if (cJSON_GetArraySize(states) == 1 && applied_write(b, inst, states, &err) < 0)
		log_warning("instance '%s': %s", inst->name, err.msg);
	else
		update_bring_in_line(b, inst);
}

/* ---- the kernel's word */

bool hotplug_is_node_event(const char *datagram, size_t len)
{
	const char *end = datagram + len;
	bool change = false, number = false;

	for (const char *p = datagram; p < end; p += strnlen(p, (size_t)(end - p)) + 1) {
		size_t left = (size_t)(end - p);

		change = change || (left > 7 && strncmp(p, "ACTION=", 7) == 0);
		number = number || (left > 6 && strncmp(p, "MAJOR=", 6) == 0);
	}
	return change && number;
}

static void settled_cb(uv_timer_t *timer)
{
	const struct ear *ear = timer->data;
	struct berthd *b = ear->of->b;
	AUTO_FREE const char **names = strmap_keys(ear->of->followed);

	for (const char **n = names; *n; n++) {
		struct instance *inst = registry_get(b->registry, *n);

		if (inst && inst->pid > 0)
			look(b, inst);
	}
}

static void lost(void *data)
{
	struct ear *ear = data;

	if (!ear->stopped && !uv_is_active((const uv_handle_t *)&ear->settle)) /* a steady stream must not put it off for ever */
		uv_timer_start(&ear->settle, settled_cb, SETTLE_MS, 0);
}

static void told(const void *datagram, size_t len, void *data)
{
	if (hotplug_is_node_event(datagram, len))
		lost(data);
}

static void poll_cb(uv_poll_t *handle, int status, int events)
{
	struct ear *ear = handle->data;

	netlink_read(ear->fd, told, lost, &ear->stopped, ear);
}

static struct ear *listen_to_kernel(struct hotplug *h)
{
	struct error err = ERROR_INIT;
	int fd = netlink_open(NETLINK_KOBJECT_UEVENT, KERNEL_GROUP, RECEIVE_BUFFER, "hardware", &err);
	struct ear *ear;

	if (fd < 0) {
		log_warning("usb, unix-hotplug and gpu devices are not followed: %s", err.msg);
		return NULL;
	}
	ear = mem_alloc(sizeof(*ear));
	ear->of = h;
	ear->fd = fd;
	ear->open = 2;
	ear->poll.data = ear->settle.data = ear;
	uv_timer_init(h->b->loop, &ear->settle);
	uv_poll_init(h->b->loop, &ear->poll, fd);
	uv_poll_start(&ear->poll, UV_READABLE, poll_cb);
	uv_unref((uv_handle_t *)&ear->poll);
	uv_unref((uv_handle_t *)&ear->settle);
	return ear;
}

static void closed_cb(uv_handle_t *handle)
{
	struct ear *ear = handle->data;

	if (--ear->open > 0)
		return;
	close(ear->fd);
	free(ear);
}

static void stop_listening(struct hotplug *h)
{
	struct ear *ear = h->ear;

	if (!ear)
		return;
	h->ear = NULL;
	ear->stopped = true;
	uv_close((uv_handle_t *)&ear->poll, closed_cb);
	uv_close((uv_handle_t *)&ear->settle, closed_cb);
}

/* ---- who is followed */

static bool has_matched(const cJSON *devices)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices)
		if (device_is_matched(device))
			return true;
	return false;
}

void hotplug_reconcile(struct berthd *b, const struct instance *inst, const cJSON *devices)
{
	struct hotplug *h = b->hotplug;
	AUTO_FREE char *run = mem_printf("%d", (int)inst->pid);
	const char *known;

	if (!h)
		return;
	if (!has_matched(devices)) {
		hotplug_instance_gone(b, inst->name);
		return;
	}
	if (!h->ear)
		h->ear = listen_to_kernel(h);
	known = strmap_get(h->followed, inst->name);
	if (known && strcmp(known, run) == 0)
		return;
	strmap_put(h->followed, inst->name, mem_strdup(run));
	if (h->ear) /* what came or went while nobody listened */
		uv_timer_start(&h->ear->settle, settled_cb, SETTLE_MS, 0);
}

void hotplug_instance_gone(struct berthd *b, const char *name)
{
	struct hotplug *h = b->hotplug;

	if (!h)
		return;
	strmap_remove(h->followed, name);
	if (strmap_count(h->followed) == 0)
		stop_listening(h);
}

void hotplug_start(struct berthd *b)
{
	b->hotplug = mem_alloc(sizeof(*b->hotplug));
	b->hotplug->b = b;
	b->hotplug->followed = strmap_new(free);
}

void hotplug_stop(struct berthd *b)
{
	struct hotplug *h = b->hotplug;

	if (!h)
		return;
	b->hotplug = NULL;
	stop_listening(h);
	strmap_free(h->followed);
	free(h);
}
