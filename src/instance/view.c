/* SPDX-License-Identifier: MIT */
/* Instances as LXD's API shows them. */
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "instance/instance.h"
#include "instance/snapshot.h"
#include "instance/volume_work.h"
#include "instance/work.h"
#include "lxc/figures.h"
#include "model/device_match.h"
#include "model/key.h"
#include "model/profile.h"
#include "model/settings.h"
#include "pool/custom.h"
#include "pool/pool.h"

const char *instance_status(const struct instance *inst, int *ret_code)
{
	static const struct {
		const char *name;
		int code;
	} table[] = {
		[LXC_STOPPED] = { "Stopped", 102 },   [LXC_STARTING] = { "Starting", 106 },
		[LXC_RUNNING] = { "Running", 103 },   [LXC_STOPPING] = { "Stopping", 107 },
		[LXC_ABORTING] = { "Aborting", 108 }, [LXC_FREEZING] = { "Freezing", 109 },
		[LXC_FROZEN] = { "Frozen", 110 },     [LXC_THAWED] = { "Thawed", 111 },
	};

	if (inst->note != NULL) {
		*ret_code = 112;
		return "Error";
	}
	*ret_code = table[inst->state].code;
	return table[inst->state].name;
}

static void set_status(cJSON *v, const struct instance *inst)
{
	int code;

	json_set_str(v, "status", instance_status(inst, &code));
	json_set_int(v, "status_code", code);
}

void instance_expand_shown(const struct berthd *b, const cJSON *desired, cJSON **ret_config, cJSON **ret_devices)
{
	const cJSON *names = json_arr(desired, "profiles");
	size_t n = 0, max = (size_t)cJSON_GetArraySize(names);
	const cJSON **profiles = mem_alloc((max + 1) * sizeof(*profiles));
	const cJSON *item;

	cJSON_ArrayForEach(item, names)
		if (cJSON_IsString(item) && profile_get(b->profiles, item->valuestring) != NULL)
			profiles[n++] = profile_get(b->profiles, item->valuestring);
	config_expand(profiles, n, desired, ret_config, ret_devices);
	free(profiles);
}

/* Their files have the ids of instances, also where those of the host's folders are shown as they are (raw.idmap). */
static void shift_volumes(const struct berthd *b, cJSON *devices)
{
	cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const char *source = json_str_or(device, "source", ""), *path = json_str_or(device, "path", "");
		bool is_disk = strcmp(json_str_or(device, "type", ""), "disk") == 0 && strcmp(path, "/") != 0;

		if (is_disk && json_str_or(device, "shift", "")[0] == '\0' &&
		    (source[0] != '/' || volume_touches(b, source, b->settings->extern_path)))
			json_set_str(device, "shift", "true");
	}
}

void instance_expand(const struct berthd *b, const cJSON *desired, cJSON **ret_config, cJSON **ret_devices)
{
	instance_expand_shown(b, desired, ret_config, ret_devices);
	if (json_str(*ret_config, "volatile.idmap.raw") != NULL)
		shift_volumes(b, *ret_devices);
	custom_resolve(b, *ret_devices);
	devices_match(*ret_devices, &(struct match_roots){ b->settings->sysfs_dir, "/proc", "/dev" });
}

const char *instance_pool(const struct berthd *b, const struct instance *inst)
{
	return json_str_or(inst->desired, "pool", POOL_DEFAULT);
}

static void copy_member(cJSON *to, const cJSON *from, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, key);

	if (item != NULL)
		json_set(to, key, cJSON_Duplicate(item, true));
}

void instance_hide_own(cJSON *v)
{
	static const char *const own[] = { "volatile.idmap.size", "volatile.idmap.raw" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		json_set(json_obj(v, "config"), own[i], NULL);
		json_set(json_obj(v, "expanded_config"), own[i], NULL);
	}
}

const char *instance_text(struct berthd *b, struct instance *inst)
{
	static const char *const copied[] = { "architecture", "config", "devices", "ephemeral", "profiles",
					      "description", "created_at", "last_used_at", "pending" };
	cJSON *v, *config, *devices;

	if (inst->text != NULL)
		return inst->text;
	v = cJSON_CreateObject();
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		copy_member(v, inst->desired, copied[i]);
	instance_expand_shown(b, inst->desired, &config, &devices);
	json_set(v, "expanded_config", config);
	json_set(v, "expanded_devices", devices);
	json_set_bool(v, "stateful", false);
	json_set_str(v, "name", inst->name);
	json_set_str(v, "location", "none");
	json_set_str(v, "type", "container");
	json_set_str(v, "project", "default");
	if (inst->note != NULL)
		json_set_str(v, "note", inst->note);
	set_status(v, inst);
	idmap_show(b, json_obj(v, "config"));
	idmap_show(b, json_obj(v, "expanded_config"));
	instance_hide_own(v);
	json_sort(v);
	inst->text = json_text(v);
	cJSON_Delete(v);
	return inst->text;
}

cJSON *instance_state(struct berthd *b, struct instance *inst)
{
	cJSON *v = inst->pid > 0 ? figures_state(inst->pid, b->probe) : figures_stopped();

	set_status(v, inst);
	json_set(v, "disk", cJSON_CreateObject());
	return v;
}

static const char *stopped_text(struct berthd *b, struct instance *inst)
{
	static char *text; /* the same for every stopped instance */

	if (text == NULL) {
		cJSON *v = instance_state(b, inst);

		text = json_text(v);
		cJSON_Delete(v);
	}
	return text;
}

static void add_snapshots(const struct berthd *b, struct instance *inst, struct strbuf *out)
{
	const cJSON *list = inst->adopted ? NULL : snapshot_list(b, inst), *item;
	AUTO_JSON cJSON *views = cJSON_CreateArray();
	AUTO_FREE char *text = NULL;

	if (list == NULL || list->child == NULL) {
		strbuf_addstr(out, "null"); /* as LXD says "none" */
		return;
	}
	cJSON_ArrayForEach(item, list)
		cJSON_AddItemToArray(views, snapshot_view(b, item));
	text = json_text(views);
	strbuf_addstr(out, text);
}

void instance_full_text(struct berthd *b, struct instance *inst, struct strbuf *out)
{
	const char *text = instance_text(b, inst);

	strbuf_add(out, text, strlen(text) - 1); /* without the closing brace */
	strbuf_addstr(out, ",\"backups\":null,\"snapshots\":");
	add_snapshots(b, inst, out);
	strbuf_addstr(out, ",\"state\":");
	if (inst->state == LXC_STOPPED && inst->note == NULL) {
		strbuf_addstr(out, stopped_text(b, inst));
	} else {
		cJSON *state = instance_state(b, inst);
		char *s = json_text(state);

		strbuf_addstr(out, s);
		free(s);
		cJSON_Delete(state);
	}
	strbuf_addch(out, '}');
}

/* Over what PUT may change, as LXD counts it (state and time stamps do not matter). */
const char *instance_etag(struct instance *inst)
{
	static const char *const counted[] = { "architecture", "config", "devices", "ephemeral", "profiles", "description" };
	struct digest *d;
	char *text;
	cJSON *v;

	if (inst->etag[0] != '\0')
		return inst->etag;
	v = cJSON_CreateObject();
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		copy_member(v, inst->desired, counted[i]);
	json_sort(v);
	text = json_text(v);
	d = digest_new();
	digest_update(d, text, strlen(text));
	digest_finish(d, inst->etag);
	free(text);
	cJSON_Delete(v);
	return inst->etag;
}

const char *instance_value(const struct berthd *b, const cJSON *desired, const char *key)
{
	const char *value = json_str(json_obj(desired, "config"), key), *v;
	const cJSON *item;

	if (value != NULL)
		return value;
	cJSON_ArrayForEach(item, json_arr(desired, "profiles"))
		if (cJSON_IsString(item) &&
		    (v = json_str(json_obj(profile_get(b->profiles, item->valuestring), "config"), key)) != NULL)
			value = v;
	return value;
}

const char *instance_image(const cJSON *desired)
{
	return strcmp(json_str_or(desired, "driver", ""), "overlay") == 0 ?
		json_str(json_obj(desired, "config"), "volatile.base_image") : NULL;
}
