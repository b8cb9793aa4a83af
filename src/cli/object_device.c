/* SPDX-License-Identifier: MIT */
/* One device more, or one less, in an instance or a profile. */
#include <string.h>

#include "base/json.h"
#include "cli/object.h"

int object_device_add(struct cli *cli, struct object *o, const char *device, const cJSON *value, struct error *err)
{
	cJSON *devices = object_map(o, "devices");

	if (cJSON_GetObjectItemCaseSensitive(devices, device))
		return error_set(err, ERROR_CONFLICT, "%s '%s' has a device '%s' already", o->kind->name, o->name, device);
	json_set(devices, device, cJSON_Duplicate(value, true));
	return object_put(cli, o, err);
}

int object_device_remove(struct cli *cli, struct object *o, const char *device,
			 bool (*fits)(const cJSON *device, const void *data), const void *data, const char *where,
			 struct error *err)
{
	cJSON *devices = object_map(o, "devices");
	const cJSON *item, *found = NULL;

	cJSON_ArrayForEach(item, devices) {
		if (!fits(item, data) || (device && strcmp(item->string, device) != 0))
			continue;
		if (found)
			return error_set(err, ERROR_INVALID, "more than one device of '%s' is %s: name it", o->name, where);
		found = item;
	}
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "'%s' has no %s %s", o->name, device ? "such device" : "device", where);
	cJSON_DeleteItemFromObjectCaseSensitive(devices, found->string);
	return object_put(cli, o, err);
}
