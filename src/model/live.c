/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"
#include "model/key_types.h"

static int position(const cJSON *list, const char *name)
{
	int i = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		if (strcmp(item->valuestring, name) == 0)
			return i;
		i++;
	}
	return -1;
}

/* A name stands in one of the two lists: what is partly pending is pending. */
static void note(const struct live_change *c, bool applied, const char *name)
{
	if (position(c->pending, name) >= 0 || (applied && position(c->applied, name) >= 0))
		return;
	if (!applied && position(c->applied, name) >= 0)
		cJSON_DeleteItemFromArray(c->applied, position(c->applied, name));
	cJSON_AddItemToArray(applied ? c->applied : c->pending, cJSON_CreateString(name));
}

static void warn(const struct live_change *c, const char *name, const struct error *why)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (!c->warnings)
		return;
	strbuf_addf(&text, "%s: %s", name, why->msg);
	cJSON_AddItemToArray(c->warnings, cJSON_CreateString(text.buf));
}

/* A change that was refused half-way must not leave the container with less of a limit than it had. */
static void restore_key(const struct live_change *c, const struct config_key *row, const char *key)
{
	struct live old = c->live;
	struct error ignored = ERROR_INIT;

	old.config = c->old_config;
	row->apply(&old, key, device_prop(c->old_config, key), &ignored);
}

static void apply_key(const struct live_change *c, const char *key, const char *new_value)
{
	const struct config_key *row = config_key_find(key);
	struct error why = ERROR_INIT;

	if (!row || strncmp(key, "volatile.", strlen("volatile.")) == 0)
		return; /* berth's own notes are nobody's change */
	if (row->live == KEY_LIVE_NOTHING) {
		note(c, true, key);
		return;
	}
	if (row->live == KEY_LIVE_APPLY && row->apply(&c->live, key, new_value, &why) == 0) {
		if (position(c->pending, key) >= 0) /* it waited from before */
			cJSON_DeleteItemFromArray(c->pending, position(c->pending, key));
		note(c, true, key);
		return;
	}
	if (row->live == KEY_LIVE_APPLY) {
		warn(c, key, &why);
		restore_key(c, row, key);
	}
	note(c, false, key);
}

static void apply_config(const struct live_change *c)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, c->new_config) {
		if (!device_same(c->old_config, c->new_config, item->string))
			apply_key(c, item->string, device_prop(c->new_config, item->string));
	}
	cJSON_ArrayForEach(item, c->old_config) {
		if (!cJSON_GetObjectItemCaseSensitive(c->new_config, item->string) &&
		    device_prop(c->old_config, item->string))
			apply_key(c, item->string, NULL);
	}
}

/* A device that is there, not merely hiding one of a profile. */
static const cJSON *real_device(const cJSON *devices, const char *name)
{
	const cJSON *device = json_obj(devices, name);

	return device && strcmp(json_str_or(device, "type", ""), "none") != 0 ? device : NULL;
}

static int apply_device(const struct live_change *c, const char *name, const cJSON *old, const cJSON *new,
			struct error *err)
{
	const struct device_type *type = device_type_find(json_str_or(new ? new : old, "type", ""));
	enum live_result result;

	if (!type)
		return error_set(err, ERROR_INVALID, "Failed loading device \"%s\": Unsupported device type",
				 name);
	result = type->live(c, name, old, new, err);
	if (result == LIVE_FAILED)
		return -1;
	note(c, result == LIVE_APPLIED, name);
	return 0;
}

static bool same_type(const cJSON *a, const cJSON *b)
{
	return a && b && device_same(a, b, "type");
}

/* What goes away first: the new may take its place. */
static int remove_devices(const struct live_change *c, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, c->old_devices) {
		const cJSON *old = real_device(c->old_devices, item->string);

		if (old && !same_type(old, real_device(c->new_devices, item->string)) &&
		    apply_device(c, item->string, old, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int add_devices(const struct live_change *c, struct error *err)
{
	AUTO_FREE const cJSON **ordered = devices_in_order(c->new_devices);

	for (const cJSON **device = ordered; *device; device++) {
		const char *name = (*device)->string;
		const cJSON *old = real_device(c->old_devices, name);
		const cJSON *new = real_device(c->new_devices, name);

		if (!new || (old && cJSON_Compare(old, new, true)))
			continue;
		if (apply_device(c, name, same_type(old, new) ? old : NULL, new, err) < 0)
			return -1;
	}
	return 0;
}

int live_apply(const struct live_change *change, struct error *err)
{
	apply_config(change);
	if (remove_devices(change, err) < 0 || add_devices(change, err) < 0)
		return -1;
	return 0;
}
