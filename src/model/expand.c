/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/json_merge.h"
#include "model/key.h"

void config_expand(const cJSON *const *profiles, size_t n, const cJSON *instance, cJSON **ret_config,
		   cJSON **ret_devices)
{
	*ret_config = cJSON_CreateObject();
	*ret_devices = cJSON_CreateObject();
	for (size_t i = 0; i <= n; i++) {
		const cJSON *layer = i < n ? profiles[i] : instance;

		if (!layer)
			continue;
		json_merge(*ret_config, json_obj(layer, "config"));
		json_merge(*ret_devices, json_obj(layer, "devices"));
	}
}
