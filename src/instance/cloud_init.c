/* SPDX-License-Identifier: MIT */
#include "instance/cloud_init.h"

#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"

static const char *const keys[] = {
	"cloud-init.network-config", "cloud-init.user-data", "cloud-init.vendor-data",
	"user.network-config",	     "user.user-data",	     "user.vendor-data",
};

void cloud_init_renew(cJSON *config)
{
	char uuid[UUID_TEXT_SIZE];

	ident_uuid(uuid);
	json_set_str(config, CLOUD_INIT_ID, uuid);
}

void cloud_init_fill(cJSON *config)
{
	if (json_str(config, CLOUD_INIT_ID) == NULL)
		cloud_init_renew(config);
}

static cJSON *nic_names(const cJSON *devices)
{
	cJSON *names = cJSON_CreateObject();
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const char *name = device_prop(device, "name");

		if (strcmp(json_str_or(device, "type", ""), "nic") == 0)
			json_set_bool(names, name != NULL ? name : device->string, true);
	}
	return names;
}

static bool same_keys(const cJSON *one, const cJSON *other)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(json_str_or(one, keys[i], ""), json_str_or(other, keys[i], "")) != 0)
			return false;
	return true;
}

bool cloud_init_differs(const cJSON *old_config, const cJSON *old_devices, const cJSON *config, const cJSON *devices)
{
	AUTO_JSON cJSON *old_names = nic_names(old_devices);
	AUTO_JSON cJSON *names = nic_names(devices);

	return !same_keys(old_config, config) || !cJSON_Compare(old_names, names, true);
}
