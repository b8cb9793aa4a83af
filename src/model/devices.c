/* SPDX-License-Identifier: MIT */
/* The device types and the checks over whole sets of devices. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/device.h"
#include "model/device_match.h"
#include "model/key_types.h"
#include "model/nic_network.h"

#define DEVICE_NAME_MAX 63

static int none_validate(const char *device, const cJSON *props, struct error *err)
{
	return 0;
}

static int none_render(struct render *r, const char *device, const cJSON *props, struct error *err)
{
	return 0;
}

static enum live_result none_live(const struct live_change *change, const char *device,
				  const cJSON *old_props, const cJSON *new_props, struct error *err)
{
	return LIVE_APPLIED;
}

static const struct device_property none_properties[] = { { .name = NULL } };

const struct device_type device_types[] = {
	{ "nic", nic_properties, nic_validate, nic_check_start, nic_render, nic_live,
	  "A network interface." },
	{ "disk", disk_properties, disk_validate, disk_check_start, disk_render, disk_live,
	  "The root file system (path /), or a file or folder of the host." },
	{ "unix-char", unix_properties, unix_validate, unix_check_start, unix_render, unix_live,
	  "A character device of the host." },
	{ "unix-block", unix_properties, unix_validate, unix_check_start, unix_render, unix_live,
	  "A block device of the host." },
	{ "usb", usb_properties, usb_validate, follow_check_start, follow_render, follow_live,
	  "The nodes in /dev/bus/usb of all USB devices that match, also of those that come while it runs." },
	{ "unix-hotplug", usb_properties, hotplug_validate, follow_check_start, follow_render, follow_live,
	  "The nodes of what hangs on USB devices that match (/dev/ttyUSB0, /dev/sdb, …), also of what comes while it runs." },
	{ "gpu", gpu_properties, gpu_validate, follow_check_start, follow_render, follow_live,
	  "The nodes of graphics cards that match: /dev/dri/… and, with NVIDIA's driver, /dev/nvidia…." },
	{ "proxy", proxy_properties, proxy_validate, proxy_check_start, proxy_render, proxy_live,
	  "What is sent to a socket of the host comes out of one of the container, or the other way round." },
	{ "none", none_properties, none_validate, none_validate, none_render, none_live,
	  "Hides a device of this name that comes from a profile." },
	{ .name = NULL },
};

/* LXD's types that there are none of here, and why. */
static const struct {
	const char *name, *reason;
} refused_types[] = {
	{ "infiniband", "there is no handing over of InfiniBand functions" },
	{ "pci", "only virtual machines have it" },
	{ "tpm", "no TPM is emulated" },
};

static const char *refused_reason(const char *type)
{
	for (size_t i = 0; i < sizeof(refused_types) / sizeof(refused_types[0]); i++) {
		if (strcmp(refused_types[i].name, type) == 0)
			return refused_types[i].reason;
	}
	return NULL;
}

const struct device_type *device_type_find(const char *name)
{
	for (const struct device_type *t = device_types; t->name; t++) {
		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

#define DEVICE_NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/:"

/* LXD's words and rules. Where a name becomes a file's, see match_device_file(). */
static int check_name(const char *name, struct error *err)
{
	char show[TYPE_SHOW_SIZE];

	if (strlen(name) > DEVICE_NAME_MAX + 1)
		return error_set(err, ERROR_INVALID, "The maximum device name length is %d characters", DEVICE_NAME_MAX + 1);
	if (!*name || strlen(name) > DEVICE_NAME_MAX)
		error_set(err, ERROR_INVALID, "Name must be 1-%d characters long", DEVICE_NAME_MAX);
	else if (*name == '.')
		error_set(err, ERROR_INVALID, "Name must not start with \".\" character");
	else if (name[strspn(name, DEVICE_NAME_CHARS)])
		error_set(err, ERROR_INVALID,
			  "Name can only contain alphanumeric, forward slash, hyphen, colon, underscore and full stop "
			  "characters");
	else
		return 0;
	return error_wrap(err, "Device validation failed for \"%s\"", type_show(name, show));
}

static const struct device_property *find_property(const struct device_type *type, const char *name)
{
	for (const struct device_property *p = type->properties; p->name; p++) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

static int missing(const struct device_type *type, const char *property, struct error *err)
{
	return strcmp(type->name, "disk") == 0 ? disk_missing(property, err) :
		error_set(err, ERROR_INVALID, "Missing required device option \"%s\"", property);
}

static int check_properties(const struct device_type *type, const cJSON *device, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	const cJSON *item;

	cJSON_ArrayForEach(item, device) {
		const struct device_property *p = find_property(type, item->string);

		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID,
					 "Invalid value for device option \"%s\": must be a string",
					 type_show(item->string, show));
		if (strcmp(item->string, "type") == 0)
			continue;
		if (strncmp(item->string, "user.", 5) == 0 && type_is_line(item->string) && type_is_text(item->valuestring))
			continue; /* the administrator's own, as in configurations */
		if (!p)
			return error_set(err, ERROR_INVALID, "Invalid device option \"%s\"",
					 type_show(item->string, show));
		if (*item->valuestring &&
		    p->validate(device->string, item->string, item->valuestring, err) < 0)
			return -1;
	}
	for (const struct device_property *p = type->properties; p->name; p++) {
		if (p->required && !device_prop(device, p->name))
			return missing(type, p->name, err);
	}
	return type->validate(device->string, device, err);
}

static const struct device_type *type_of(const cJSON *device, struct error *err)
{
	const char *name = json_str_or(device, "type", "");
	const struct device_type *type = device_type_find(name);
	const char *reason = refused_reason(name);
	char show[TYPE_SHOW_SIZE];

	if (!type && !*name)
		error_set(err, ERROR_INVALID, "Failed loading device \"%s\": Missing device type in config", device->string);
	else if (!type)
		error_set(err, ERROR_INVALID, "Failed loading device \"%s\": Unsupported device type \"%s\"%s%s",
			  device->string, type_show(name, show), reason ? ": " : "", reason ? reason : "");
	return type;
}

static int validate_one(const cJSON *device, struct error *err)
{
	const struct device_type *type;

	if (check_name(device->string, err) < 0)
		return -1;
	if (!cJSON_IsObject(device) && !cJSON_IsNull(device))
		error_set(err, ERROR_INVALID, "must be an object of strings");
	else if ((type = type_of(device, err)) && check_properties(type, device, err) == 0)
		return 0;
	return error_wrap(err, "Device validation failed for \"%s\"", device->string);
}

/* Two devices of one set that want the same thing: one root file system, one interface name, one place. */
static int check_pair(const cJSON *a, const cJSON *b, struct error *err)
{
	const char *type = json_str_or(a, "type", "");
	const char *key = strcmp(type, "nic") == 0 ? "name" : "path";
	const char *value = device_prop(a, key);

	if (!value || strcmp(type, json_str_or(b, "type", "")) != 0 || !device_same(a, b, key))
		return 0;
	if (strcmp(type, "disk") == 0)
		return error_set(err, ERROR_INVALID, "Device validation failed for \"%s\": More than one disk device uses the same path "
				 "\"%s\"", a->string, value);
	return error_set(err, ERROR_INVALID, "Devices \"%s\" and \"%s\" have the same %s \"%s\"", a->string,
			 b->string, key, value);
}

int devices_validate(const cJSON *devices, struct error *err)
{
	const cJSON *item, *other;

	if (!devices || cJSON_IsNull(devices))
		return 0;
	if (!cJSON_IsObject(devices))
		return error_set(err, ERROR_INVALID, "Invalid devices: must be an object of devices");
	cJSON_ArrayForEach(item, devices) {
		if (validate_one(item, err) < 0)
			return -1;
		for (other = item->next; other; other = other->next) {
			if (check_pair(item, other, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int check_host(const cJSON *device, const char *what, struct error *err)
{
	const struct device_type *type = type_of(device, err);

	if (type && type->check_start(device->string, device, err) == 0)
		return 0;
	return error_wrap(err, "%s \"%s\"", what, device->string);
}

int devices_check_start(const cJSON *expanded_devices, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, expanded_devices) {
		if (check_host(item, "Failed to start device", err) < 0)
			return -1;
	}
	return 0;
}

int devices_check_networks(const cJSON *old, const cJSON *devices, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, devices) {
		const cJSON *was = json_obj(old, item->string);

		if (strcmp(json_str_or(item, "type", ""), "nic") != 0 || (was && cJSON_Compare(was, item, true)))
			continue;
		if (nic_network_check(item->string, item, err) < 0)
			return error_wrap(err, "Device validation failed for \"%s\"", item->string);
	}
	return 0;
}

int devices_check_added(const cJSON *old_expanded, const cJSON *new_expanded, struct error *err)
{
	const cJSON *item;

	if (devices_check_networks(old_expanded, new_expanded, err) < 0)
		return error_wrap(err, "Invalid devices");
	cJSON_ArrayForEach(item, new_expanded) {
		const cJSON *old = json_obj(old_expanded, item->string);

		if ((old && cJSON_Compare(old, item, true)) || device_is_matched(item))
			continue; /* hardware may come until the start, or is looked for when it is given live */
		if (check_host(item, "Failed add validation for device", err) < 0)
			return -1;
	}
	return 0;
}

int devices_check_hardware(const cJSON *old_expanded, const cJSON *new_expanded, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, new_expanded)
		if (device_is_matched(item) && !json_obj(old_expanded, item->string) &&
		    check_host(item, "Failed to start device", err) < 0)
			return -1;
	return 0;
}
