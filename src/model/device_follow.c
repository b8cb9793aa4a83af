/* SPDX-License-Identifier: MIT */
/*
 * Devices that stand for whatever hardware matches (usb, unix-hotplug, gpu). Each node of it that is there now
 * (model/device_match.h) is a unix-char or unix-block device of its own, below the name of this one.
 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"
#include "model/device_match.h"
#include "model/key_types.h"

static bool is_hex4(const char *s)
{
	return strlen(s) == 4 && strspn(s, "0123456789abcdef") == 4;
}

static bool is_pci(const char *s)
{
	static const char form[] = "xxxx:xx:xx.x";
	const char *f = strlen(s) == 7 ? form + 5 : form;

	for (; *s && *f; s++, f++)
		if (*f == 'x' ? !strchr("0123456789abcdefABCDEF", *s) : *f != *s)
			return false;
	return !*s && !*f;
}

#define VALIDATOR(name, predicate, rule)                                                                   \
	static int valid_##name(const char *device, const char *key, const char *value, struct error *err) \
	{                                                                                                  \
		return (predicate) ? 0 : device_refuse(key, value, rule, err);                             \
	}

VALIDATOR(hex, is_hex4(value), "must be four lower case hex characters")
VALIDATOR(id, type_is_int(value, 0, 4294967294), "must be an id inside the container")
VALIDATOR(mode, type_is_mode(value), "must be an octal mode such as 0660")
VALIDATOR(card, type_is_int(value, 0, 255), "must be the number of a card, as in /dev/dri/card0")
VALIDATOR(pci, is_pci(value), "must be a PCI address such as 0000:01:00.0")
VALIDATOR(gputype, strcmp(value, "physical") == 0,
	  "must be physical: there is no handing over of mdev, mig or sriov functions")

#define VENDOR_AND_PRODUCT                                                                                        \
	{ "vendorid", "hex", false, valid_hex, KEY_LIVE_APPLY, "The vendor's id: 046d." },                        \
	{ "productid", "hex", false, valid_hex, KEY_LIVE_APPLY, "The product's id: c52b." }
#define OWNER_AND_MODE                                                                                            \
	{ "uid", "integer", false, valid_id, KEY_LIVE_APPLY, "The owner of its nodes inside; 0 when not given." },    \
	{ "gid", "integer", false, valid_id, KEY_LIVE_APPLY, "Their group inside; 0 when not given." },               \
	{ "mode", "octal", false, valid_mode, KEY_LIVE_APPLY, "Their mode; 0660 when not given." }
#define REQUIRED                                                                                                  \
	{ "required", "bool", false, device_valid_bool, KEY_LIVE_NOTHING,                                         \
	  "true: no start without it. What comes and goes is followed in any case." }

const struct device_property usb_properties[] = { VENDOR_AND_PRODUCT, OWNER_AND_MODE, REQUIRED, { .name = NULL } };

const struct device_property gpu_properties[] = {
	{ "gputype", "string", false, valid_gputype, KEY_LIVE_NOTHING, "physical, which is what it is when not given." },
	VENDOR_AND_PRODUCT,
	{ "id", "integer", false, valid_card, KEY_LIVE_APPLY, "The number of its card: 0 is /dev/dri/card0." },
	{ "pci", "address", false, valid_pci, KEY_LIVE_APPLY, "Its PCI address: 0000:01:00.0." },
	OWNER_AND_MODE,
	{ .name = NULL },
};

int usb_validate(const char *device, const cJSON *props, struct error *err)
{
	return 0;
}

int hotplug_validate(const char *device, const cJSON *props, struct error *err)
{
	if (device_prop(props, "vendorid") || device_prop(props, "productid"))
		return 0;
	return error_set(err, ERROR_INVALID, "Unix hotplug devices require a vendorid or a productid");
}

int gpu_validate(const char *device, const cJSON *props, struct error *err)
{
	static const char *const apart[][2] = { { "id", "pci" }, { "vendorid", "pci" }, { "productid", "pci" },
						{ "vendorid", "id" }, { "productid", "id" } };

	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
		if (device_prop(props, apart[i][0]) && device_prop(props, apart[i][1]))
			return error_set(err, ERROR_INVALID, "Cannot use \"%s\" when \"%s\" is set", apart[i][0], apart[i][1]);
	return 0;
}

int follow_check_start(const char *device, const cJSON *props, struct error *err)
{
	const char *type = json_str_or(props, "type", "");

	if (cJSON_GetArraySize(json_arr(props, MATCH_NODES)) > 0)
		return 0;
	if (strcmp(type, "gpu") == 0)
		return error_set(err, ERROR_INVALID, "Failed to detect requested GPU device");
	if (!type_is_true(device_prop(props, "required")))
		return 0;
	return error_set(err, ERROR_INVALID, "Required %s device not found", strcmp(type, "usb") == 0 ? "USB" : "Unix Hotplug");
}

/* The device that gives this one node. */
static cJSON *node_device(const cJSON *props, const struct match_node *node)
{
	static const char *const copied[] = { "uid", "gid", "mode" };
	cJSON *one = cJSON_CreateObject();

	json_set_str(one, "type", node->type == 'b' ? "unix-block" : "unix-char");
	json_set_str(one, "path", node->path);
	json_set_strf(one, "major", "%u", node->major);
	json_set_strf(one, "minor", "%u", node->minor);
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		json_set_str(one, copied[i], device_prop(props, copied[i]));
	return one;
}

/* {"FILE":{…}}: the node devices that this one stands for; none of NULL. */
static cJSON *node_devices(const char *device, const cJSON *props)
{
	cJSON *all = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(props, MATCH_NODES)) {
		struct match_node node;

		if (match_node_parse(item->valuestring, &node)) {
			AUTO_FREE char *name = match_file_name(device, node.path);

			json_set(all, name, node_device(props, &node));
		}
	}
	return all;
}

int follow_render(struct render *r, const char *device, const cJSON *props, struct error *err)
{
	AUTO_JSON cJSON *nodes = node_devices(device, props);
	AUTO_FREE char *file = match_device_file(device);
	const cJSON *node;

	/* what is there of runs before would pass for given */
	render_line(r, "lxc.hook.pre-start", "%s/berth-device-node --clear=%s/devices/%s", r->in->rootfs.libexec_dir,
		    r->in->rootfs.instance_dir, file);
	cJSON_ArrayForEach(node, nodes)
		if (unix_render(r, node->string, node, err) < 0)
			return -1;
	return 0;
}

/* Its commands are those of the device that it is a part of. */
static enum live_result node_live(const struct live_change *c, const char *device, const cJSON *old, const cJSON *new,
				  struct error *err)
{
	const char *name = new ? new->string : old->string;
	int before = cJSON_GetArraySize(c->commands);
	enum live_result result = unix_live(c, name, old, new, err);
	cJSON *command = cJSON_GetArrayItem(c->commands, before);

	if (result == LIVE_APPLIED && !new) {
		AUTO_FREE char *program = mem_printf("%s/berth-device-node", c->libexec_dir);
		AUTO_FREE char *file = match_device_file(name);
		AUTO_FREE char *gone = mem_printf("--remove=%s/devices/%s", c->instance_dir, file);

		live_command(c, device, program, gone, NULL);
	}
	for (; command; command = command->next)
		json_set_str(command, "device", device);
	return result;
}

enum live_result follow_live(const struct live_change *change, const char *device, const cJSON *old_props,
			     const cJSON *new_props, struct error *err)
{
	AUTO_JSON cJSON *old = node_devices(device, old_props);
	AUTO_JSON cJSON *new = node_devices(device, new_props);
	enum live_result result = LIVE_APPLIED;
	const cJSON *node;

	if (new_props && !old_props && !change->unsure && follow_check_start(device, new_props, err) < 0) {
		error_wrap(err, "Failed to start device \"%s\"", device);
		return LIVE_FAILED;
	}
	cJSON_ArrayForEach(node, old)
		if (!json_obj(new, node->string))
			node_live(change, device, node, NULL, err);
	cJSON_ArrayForEach(node, new) {
		const cJSON *was = json_obj(old, node->string);

		if (was && !change->unsure && cJSON_Compare(was, node, true))
			continue;
		if (node_live(change, device, was, node, err) != LIVE_APPLIED)
			result = LIVE_PENDING;
	}
	return result;
}
