/* SPDX-License-Identifier: MIT */
/* What is wrong with a request by itself is said at once: an operation that fails later is seen only by who waits for it. */
#include <string.h>

#include "base/json.h"
#include "instance/work.h"
#include "model/key_types.h"
#include "model/profile.h"
#include "model/volatile.h"

static int check_strings(const cJSON *object, const char *what, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	const cJSON *item;

	cJSON_ArrayForEach(item, object)
		if (!cJSON_IsString(item) && !cJSON_IsNull(item))
			return error_set(err, ERROR_INVALID, "'%s' must be an object of strings: the value of '%s' is none", what,
					 type_show(item->string, show));
	return 0;
}

int request_check_members(const cJSON *request, struct error *err)
{
	const cJSON *devices = cJSON_GetObjectItemCaseSensitive(request, "devices"), *item;
	char show[TYPE_SHOW_SIZE];

	if (check_strings(cJSON_GetObjectItemCaseSensitive(request, "config"), "config", err) < 0)
		return -1;
	if (!cJSON_IsObject(devices))
		return 0;
	cJSON_ArrayForEach(item, devices) {
		if (!cJSON_IsObject(item) && !cJSON_IsNull(item))
			return error_set(err, ERROR_INVALID, "'devices' must be an object of objects: '%s' is none",
					 type_show(item->string, show));
		if (check_strings(item, "devices", err) < 0)
			return -1;
	}
	return 0;
}

static bool says_nothing(const cJSON *item)
{
	return cJSON_IsNull(item) || (cJSON_IsString(item) && item->valuestring[0] == '\0');
}

void request_drop_empty_properties(cJSON *devices)
{
	cJSON *device, *item, *next;

	cJSON_ArrayForEach(device, devices) {
		for (item = cJSON_IsObject(device) ? device->child : NULL; item != NULL; item = next) {
			next = item->next;
			if (says_nothing(item))
				cJSON_Delete(cJSON_DetachItemViaPointer(device, item));
		}
	}
}

int request_check_profiles(const struct berthd *b, const cJSON *list, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (cJSON_IsString(item) && profile_get(b->profiles, item->valuestring) == NULL)
			return error_set(err, ERROR_NOT_FOUND, "Requested profile \"%s\" doesn't exist",
					 type_show(item->valuestring, show));
	return 0;
}

int request_take_volatile(cJSON *config, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	cJSON *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "volatile.", 9) != 0 || strcmp(item->string, "volatile.base_image") == 0)
			continue;
		if (!volatile_is_known(item->string))
			return error_set(err, ERROR_INVALID, "Failed creating instance record: Unknown configuration key: %s",
					 type_show(item->string, show));
		if (!type_has_suffix(item->string, ".hwaddr") || type_has_suffix(item->string, ".last_state.hwaddr") || says_nothing(item))
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
	return 0;
}
