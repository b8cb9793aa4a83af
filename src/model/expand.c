/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "model/key.h"

/* Only what earlier layers gave can be replaced: an instance's thousands of keys are not compared with each other. */
static void merge(cJSON *into, const cJSON *from)
{
	const int before = cJSON_GetArraySize(into);
	const cJSON *item;

	cJSON_ArrayForEach(item, from) {
		cJSON *copy = cJSON_Duplicate(item, true), *old = into->child;
		int i = 0;

		while (i < before && strcmp(old->string, item->string) != 0) {
			old = old->next;
			i++;
		}
		if (i < before)
			cJSON_ReplaceItemViaPointer(into, old, copy);
		else
			cJSON_AddItemToArray(into, copy);
	}
}

void config_expand(const cJSON *const *profiles, size_t n, const cJSON *instance, cJSON **ret_config,
		   cJSON **ret_devices)
{
	*ret_config = cJSON_CreateObject();
	*ret_devices = cJSON_CreateObject();
	for (size_t i = 0; i <= n; i++) {
		const cJSON *layer = i < n ? profiles[i] : instance;

		if (!layer)
			continue;
		merge(*ret_config, json_obj(layer, "config"));
		merge(*ret_devices, json_obj(layer, "devices"));
	}
}
