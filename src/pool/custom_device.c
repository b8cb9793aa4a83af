/* SPDX-License-Identifier: MIT */
/* Disk devices that name a volume, and who uses a pool. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "instance/place.h"
#include "instance/snapshot.h"
#include "instance/work.h"
#include "model/key_types.h"
#include "model/profile.h"
#include "pool/custom_work.h"
#include "pool/image_volume.h"

static bool is_disk(const cJSON *device)
{
	return strcmp(json_str_or(device, "type", ""), "disk") == 0;
}

static bool is_root(const cJSON *device)
{
	return is_disk(device) && strcmp(json_str_or(device, "path", ""), "/") == 0;
}

static bool names_volume(const cJSON *device)
{
	return is_disk(device) && !is_root(device) && json_str_or(device, "pool", "")[0] != '\0' &&
	       json_str_or(device, "source", "")[0] != '\0' && json_str(device, "source")[0] != '/';
}

void custom_resolve(const struct berthd *b, cJSON *devices)
{
	cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const char *pool = json_str_or(device, "pool", ""), *name = json_str_or(device, "source", "");
		AUTO_FREE char *path = NULL;

		if (!names_volume(device) || b->pools == NULL)
			continue;
		if (pool_get(b, pool) != NULL && custom_name_check(name, &(struct error)ERROR_INIT) == 0) {
			AUTO_JSON cJSON *volume = custom_read(b, pool, name);

			path = custom_path(b, pool, name);
			if (type_is_true(json_str(json_obj(volume, "config"), "security.unmapped")))
				json_set_str(device, "shift", "false");
		} else {
			path = mem_printf("/dev/null/%s", name); /* what cannot be there */
		}
		json_set_str(device, "source", path);
		json_set(device, "pool", NULL);
	}
}

int custom_check_devices(const struct berthd *b, const cJSON *old, const cJSON *devices, struct error *err)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const cJSON *was = json_obj(old, device->string);

		if (!names_volume(device) || (was != NULL && cJSON_Compare(was, device, true)))
			continue;
		if (pool_usable(b, json_str(device, "pool"), err) < 0)
			return error_wrap(err, "Failed add validation for device \"%s\": Failed to get storage pool \"%.64s\"",
					  device->string, json_str(device, "pool"));
		if (custom_find(b, json_str(device, "pool"), json_str(device, "source"), err) < 0) {
			if (err->code == ERROR_NOT_FOUND)
				error_set(err, ERROR_NOT_FOUND, "Storage volume not found"); /* here LXD calls it so */
			return error_wrap(err, "Failed add validation for device \"%s\": Failed loading custom volume",
					  device->string);
		}
	}
	return 0;
}

/* ---- who uses a pool */

static bool has_root_in(const cJSON *devices, const char *pool)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices)
		if (is_root(device) && strcmp(json_str_or(device, "pool", ""), pool) == 0)
			return true;
	return false;
}

static void add(cJSON *urls, const char *kind, const char *name)
{
	AUTO_STRBUF struct strbuf url = STRBUF_INIT;

	strbuf_addf(&url, "/1.0/%s/", kind);
	strbuf_adduri(&url, name);
	cJSON_AddItemToArray(urls, cJSON_CreateString(url.buf));
}

/* Of name, of that kind. */
static void add_snapshots(cJSON *urls, const char *kind, const char *name, const cJSON *snapshots)
{
	AUTO_STRBUF struct strbuf of = STRBUF_INIT;
	const cJSON *item;

	strbuf_addf(&of, "%s/", kind);
	strbuf_adduri(&of, name);
	strbuf_addstr(&of, "/snapshots");
	cJSON_ArrayForEach(item, snapshots)
		add(urls, of.buf, json_str_or(item, "name", ""));
}

static void add_instance(struct berthd *b, cJSON *urls, const char *name)
{
	struct instance *inst = registry_get(b->registry, name);

	add(urls, "instances", name);
	if (!inst->adopted)
		add_snapshots(urls, "instances", name, snapshot_list(b, inst));
}

static void add_volume(struct berthd *b, cJSON *urls, const char *pool, const char *name)
{
	AUTO_FREE char *kind = mem_printf("storage-pools/%s/volumes/custom", pool);
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *snapshots = custom_snapshot_list(b, pool, name, &ignored);

	add(urls, kind, name);
	add_snapshots(urls, kind, name, snapshots);
}

cJSON *pool_used_by(struct berthd *b, const char *pool)
{
	AUTO_FREE const char **names = registry_names(b->registry);
	AUTO_FREE const char **profiles = profile_names(b->profiles);
	bool there = pool_usable(b, pool, &(struct error)ERROR_INIT) == 0;
	AUTO_JSON cJSON *volumes = there ? custom_names(b, pool) : NULL;
	AUTO_JSON cJSON *images = image_volume_list(b, pool);
	AUTO_JSON cJSON *lost = there ? NULL : place_linked(b, pool); /* the registry may not know them */
	cJSON *urls = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach(item, images)
		add(urls, "images", item->valuestring);
	for (const char **n = names; *n != NULL; n++)
		if (there && strcmp(instance_pool(b, registry_get(b->registry, *n)), pool) == 0)
			add_instance(b, urls, *n);
	cJSON_ArrayForEach(item, lost)
		add(urls, "instances", item->valuestring);
	for (const char **p = profiles; *p != NULL; p++)
		if (has_root_in(json_obj(profile_get(b->profiles, *p), "devices"), pool))
			add(urls, "profiles", *p);
	cJSON_ArrayForEach(item, volumes)
		add_volume(b, urls, pool, item->valuestring);
	return urls;
}
