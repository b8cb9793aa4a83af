/* SPDX-License-Identifier: MIT */
#include "model/device.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/key_types.h"

const char *device_prop(const cJSON *props, const char *key)
{
	const char *value = json_str(props, key);

	return value && *value ? value : NULL;
}

bool device_same(const cJSON *a, const cJSON *b, const char *key)
{
	return strcmp(json_str_or(a, key, ""), json_str_or(b, key, "")) == 0;
}

int device_refuse(const char *key, const char *value, const char *rule, struct error *err)
{
	char show[TYPE_SHOW_SIZE];

	return error_set(err, ERROR_INVALID, "Invalid value for device option \"%s\": \"%s\" %s", key,
			 type_show(value, show), rule);
}

int device_valid_bool(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_bool(value) ? 0 : device_refuse(key, value, "must be true or false", err);
}

int device_valid_line(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_line(value) ? 0 : device_refuse(key, value, "must be one line without control characters", err);
}

bool instance_idmap(const cJSON *config, const struct probe *probe, uint32_t *ret_base, uint32_t *ret_size)
{
	const char *base = json_str_or(config, "volatile.idmap.base", "");
	const char *size = json_str_or(config, "volatile.idmap.size", "");

	if (type_is_true(json_str(config, "security.privileged")))
		return false;
	*ret_base = probe->idmap_base;
	*ret_size = probe->idmap_size;
	if (type_is_int(base, 1, UINT32_MAX) && type_is_int(size, 1, UINT32_MAX)) {
		*ret_base = (uint32_t)strtoul(base, NULL, 10);
		*ret_size = (uint32_t)strtoul(size, NULL, 10);
	}
	return true;
}

void mount_field(struct strbuf *out, const char *path, bool relative)
{
	if (relative)
		path += strspn(path, "/");
	for (; *path; path++) {
		if (strchr(" \t\\\"'#", *path))
			strbuf_addf(out, "\\%03o", (unsigned char)*path);
		else
			strbuf_addch(out, *path);
	}
}

void live_command(const struct live_change *change, const char *device, ...)
{
	cJSON *command = cJSON_CreateObject();
	cJSON *argv = cJSON_AddArrayToObject(command, "argv");
	const char *arg;
	va_list ap;

	json_set_str(command, "device", device);
	va_start(ap, device);
	while ((arg = va_arg(ap, const char *)))
		cJSON_AddItemToArray(argv, cJSON_CreateString(arg));
	va_end(ap);
	cJSON_AddItemToArray(change->commands, command);
}
