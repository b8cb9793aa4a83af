/* SPDX-License-Identifier: MIT */
#include "model/device.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
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
	char show[TYPE_SHOW_SIZE];

	return type_is_bool(value) ? 0 : error_set(err, ERROR_INVALID, "Invalid value for device option \"%s\": Invalid value for a "
						   "boolean \"%s\"", key, type_show(value, show));
}

int device_valid_line(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_line(value)
		       ? 0
		       : device_refuse(key, value, "must be one line without control characters", err);
}

bool instance_idmap(const cJSON *config, const struct probe *probe, uint32_t *ret_base, uint32_t *ret_size)
{
	const char *base = json_str_or(config, "volatile.idmap.base", "");
	const char *size = json_str_or(config, "volatile.idmap.size", "");

	if (*base ? strcmp(base, "0") == 0 : type_is_true(json_str(config, "security.privileged")))
		return false;
	*ret_base = probe->idmap_base;
	*ret_size = probe->idmap_size;
	if (type_is_int(base, 1, UINT32_MAX) && type_is_int(size, 1, UINT32_MAX)) {
		*ret_base = (uint32_t)strtoul(base, NULL, 10);
		*ret_size = (uint32_t)strtoul(size, NULL, 10);
	}
	return true;
}

bool instance_has_raw_idmap(const cJSON *config)
{
	return *json_str_or(config, "volatile.idmap.raw", "") != '\0';
}

bool instance_id_extents(const cJSON *config, const struct probe *probe, struct id_extents *ret_users,
			 struct id_extents *ret_groups)
{
	static const struct raw_idmap none;
	struct raw_idmap raw;
	struct error ignored = ERROR_INIT;
	uint32_t base = 0, size = 0;

	if (!instance_idmap(config, probe, &base, &size))
		return false;
	if (raw_idmap_scan(json_str_or(config, "volatile.idmap.raw", ""), &raw, &ignored) == 0 &&
	    raw_idmap_extents(&raw, base, size, false, ret_users, &ignored) == 0 &&
	    raw_idmap_extents(&raw, base, size, true, ret_groups, &ignored) == 0)
		return true;
	(void)raw_idmap_extents(&none, base, size, false, ret_users, &ignored);
	*ret_groups = *ret_users;
	return true;
}

char *instance_idmap_text(const cJSON *config, const struct probe *probe)
{
	const char *raw = json_str_or(config, "volatile.idmap.raw", "");
	struct raw_idmap ignored_map;
	struct error ignored = ERROR_INIT;
	uint32_t base, size;

	if (!instance_idmap(config, probe, &base, &size))
		return mem_strdup("none");
	if (raw_idmap_scan(raw, &ignored_map, &ignored) < 0) /* it goes into hook lines */
		raw = "";
	return mem_printf("%" PRIu32 ":%" PRIu32 "%s%s", base, size, *raw ? "," : "", raw);
}

/* "srv/data" is "/srv/data". */
static const char *order_key(const cJSON *device)
{
	const char *path = strcmp(json_str_or(device, "type", ""), "disk") == 0 ? json_str_or(device, "path", "") : "";

	return path + (path[0] == '/');
}

static int compare_order(const void *a, const void *b)
{
	const cJSON *left = *(const cJSON *const *)a, *right = *(const cJSON *const *)b;
	int by_path = strcmp(order_key(left), order_key(right));

	return by_path ? by_path : strcmp(left->string, right->string);
}

const cJSON **devices_in_order(const cJSON *devices)
{
	size_t n = 0;
	const cJSON *item;
	const cJSON **list = mem_realloc(NULL, (size_t)cJSON_GetArraySize(devices) + 1, sizeof(*list));

	cJSON_ArrayForEach(item, devices)
		list[n++] = item;
	list[n] = NULL;
	qsort(list, n, sizeof(*list), compare_order);
	return list;
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

void live_command_argv(const struct live_change *change, const char *device, const struct argv *argv)
{
	cJSON *command = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(command, "argv");

	json_set_str(command, "device", device);
	for (size_t i = 0; i < argv->n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(argv->v[i]));
	cJSON_AddItemToArray(change->commands, command);
}

void live_command(const struct live_change *change, const char *device, ...)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	const char *arg;
	va_list ap;

	va_start(ap, device);
	while ((arg = va_arg(ap, const char *)))
		argv_push(&argv, arg);
	va_end(ap);
	live_command_argv(change, device, &argv);
}
