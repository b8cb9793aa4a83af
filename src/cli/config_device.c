/* SPDX-License-Identifier: MIT */
#include "cli/config_device.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "cli/keyval.h"
#include "cli/object.h"

/* Moves to the arguments (min to max; max < 0: any number) and gets the object that the first one names. */
static int begin(struct cli *cli, int *argc, char ***argv, int min, int max, struct object *o, struct error *err)
{
	int rc = cli_args(cli, argc, argv, min, max);

	return rc != 0 ? rc : object_get(cli, object_kind_of(cli->command), (*argv)[0], o, err);
}

/* The object's own device, or a message that says where it really is. */
static cJSON *own_device(struct object *o, const char *device, struct error *err)
{
	cJSON *own = json_obj(object_map(o, "devices"), device);

	if (!own && json_obj(json_obj(o->value, "expanded_devices"), device))
		error_set(err, ERROR_INVALID,
			  "device '%s' comes from a profile; change the profile, or give '%s' its own copy with: "
			  "berth config device override %s %s",
			  device, o->name, o->name, device);
	else if (!own)
		error_set(err, ERROR_NOT_FOUND, "%s '%s' has no device '%s'", o->kind->name, o->name, device);
	return own;
}

/* begin(), and the device that the second argument names. */
static int begin_own(struct cli *cli, int *argc, char ***argv, int min, int max, struct object *o, cJSON **ret_device,
		     struct error *err)
{
	int rc = begin(cli, argc, argv, min, max, o, err);

	if (rc != 0)
		return rc;
	*ret_device = own_device(o, (*argv)[1], err);
	return *ret_device ? 0 : -1;
}

static void merge(cJSON *device, const cJSON *values)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, values)
		json_set_str(device, item->string, item->valuestring[0] ? item->valuestring : NULL);
}

static int device_add(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_JSON cJSON *values = NULL;
	int rc = begin(cli, &argc, &argv, 3, -1, &o, err);

	if (rc != 0)
		return rc;
	if (argc == 5 && !strchr(argv[3], '='))
		return error_set(err, ERROR_INVALID, "'%s' is not of the form key=value", argv[3]);
	values = keyval_parse(argc - 3, argv + 3, err);
	if (!values)
		return -1;
	json_set_str(values, "type", argv[2]);
	if (object_device_add(cli, &o, argv[1], values, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Device %s added to %s\n", argv[1], o.name);
	return 0;
}

static int device_set(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_JSON cJSON *values = NULL;
	cJSON *device;
	int rc = begin_own(cli, &argc, &argv, 3, -1, &o, &device, err);

	if (rc != 0)
		return rc;
	values = keyval_parse(argc - 2, argv + 2, err);
	if (!values)
		return -1;
	merge(device, values);
	return object_put(cli, &o, err);
}

static int device_get(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	cJSON *device;
	int rc = begin_own(cli, &argc, &argv, 3, 3, &o, &device, err);

	if (rc != 0)
		return rc;
	puts(json_str_or(device, argv[2], ""));
	return 0;
}

static int device_unset(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	cJSON *device;
	int rc = begin_own(cli, &argc, &argv, 3, 3, &o, &device, err);

	if (rc != 0)
		return rc;
	if (!cJSON_GetObjectItemCaseSensitive(device, argv[2]))
		return error_set(err, ERROR_NOT_FOUND, "cannot unset key '%s', it is not set", argv[2]);
	json_set_str(device, argv[2], NULL);
	return object_put(cli, &o, err);
}

static int device_remove(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_STRBUF struct strbuf names = STRBUF_INIT;
	AUTO_OBJECT struct object o = { 0 };
	int i, rc = begin(cli, &argc, &argv, 2, -1, &o, err);

	if (rc != 0)
		return rc;
	for (i = 1; i < argc; i++) {
		if (!own_device(&o, argv[i], err))
			return -1;
		json_set(object_map(&o, "devices"), argv[i], NULL);
		strbuf_addf(&names, "%s%s", i > 1 ? ", " : "", argv[i]);
	}
	if (object_put(cli, &o, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Device%s %s removed from %s\n", argc > 2 ? "s" : "", names.buf, o.name);
	return 0;
}

static int device_override(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_JSON cJSON *values = NULL;
	const cJSON *inherited;
	cJSON *copy;
	int rc = begin(cli, &argc, &argv, 2, -1, &o, err);

	if (rc != 0)
		return rc;
	if (cJSON_GetObjectItemCaseSensitive(object_map(&o, "devices"), argv[1]))
		return error_set(err, ERROR_CONFLICT, "instance '%s' has its own device '%s' already", o.name, argv[1]);
	inherited = json_obj(json_obj(o.value, "expanded_devices"), argv[1]);
	if (!inherited)
		return error_set(err, ERROR_NOT_FOUND, "no profile of instance '%s' has a device '%s'", o.name, argv[1]);
	values = keyval_parse(argc - 2, argv + 2, err);
	if (!values)
		return -1;
	copy = cJSON_Duplicate(inherited, true);
	merge(copy, values);
	json_set(object_map(&o, "devices"), argv[1], copy);
	if (object_put(cli, &o, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Device %s overridden for %s\n", argv[1], o.name);
	return 0;
}

static int device_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	const cJSON *item;
	int rc = begin(cli, &argc, &argv, 1, 1, &o, err);

	if (rc != 0)
		return rc;
	json_sort(object_map(&o, "devices"));
	cJSON_ArrayForEach(item, object_map(&o, "devices"))
		puts(item->string);
	return 0;
}

static int device_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = begin(cli, &argc, &argv, 1, 1, &o, err);

	if (rc != 0)
		return rc;
	json_sort(object_map(&o, "devices"));
	return yaml_print(object_map(&o, "devices"), stdout, err);
}

static const char *const remove_aliases[] = { "rm", NULL };
static const char *const list_aliases[] = { "ls", NULL };

/* The rows that both trees have; kind is what they work on. */
#define SHARED_ROWS(kind, prefix, one)										\
	{ .name = "add",											\
	  .args = "<" kind "> <device> <type> [<key>=<value>...]",						\
	  .summary = "Add devices",										\
	  .examples = "  " prefix " add " one " data disk source=/srv/data path=/data\n"			\
		      "      The host's /srv/data appears as /data.\n\n"					\
		      "  " prefix " add " one " eth1 nic nictype=bridged parent=lxcbr1 ipv4.address=10.0.4.9/24\n"\
		      "      A second network interface.\n",							\
	  .run = device_add,											\
	  .complete = kind " - -" },										\
	{ .name = "set",											\
	  .args = "<" kind "> <device> <key>=<value>...",							\
	  .summary = "Set device configuration keys",								\
	  .examples = "  " prefix " set " one " data readonly=true\n",						\
	  .run = device_set,											\
	  .complete = kind " device-of-" kind " -" },								\
	{ .name = "get",											\
	  .args = "<" kind "> <device> <key>",									\
	  .summary = "Get values for device configuration keys",						\
	  .examples = "  " prefix " get " one " data path\n",							\
	  .run = device_get,											\
	  .complete = kind " device-of-" kind " -" },								\
	{ .name = "unset",											\
	  .args = "<" kind "> <device> <key>",									\
	  .summary = "Unset device configuration keys",								\
	  .examples = "  " prefix " unset " one " data readonly\n",						\
	  .run = device_unset,											\
	  .complete = kind " device-of-" kind " -" },								\
	{ .name = "remove",											\
	  .args = "<" kind "> <device>...",									\
	  .summary = "Remove devices",										\
	  .examples = "  " prefix " remove " one " data eth1\n",						\
	  .run = device_remove,											\
	  .aliases = remove_aliases,										\
	  .complete = kind " device-of-" kind },								\
	{ .name = "list",											\
	  .args = "<" kind ">",											\
	  .summary = "List devices",										\
	  .examples = "  " prefix " list " one "\n",								\
	  .run = device_list,											\
	  .aliases = list_aliases,										\
	  .complete = kind },											\
	{ .name = "show",											\
	  .args = "<" kind ">",											\
	  .summary = "Show full device configuration",								\
	  .examples = "  " prefix " show " one "\n",								\
	  .run = device_show,											\
	  .complete = kind }

const struct command config_device_commands[] = {
	SHARED_ROWS("instance", "berth config device", "c1"),
	{ .name = "override",
	  .args = "<instance> <device> [<key>=<value>...]",
	  .summary = "Copy profile inherited devices and override configuration keys",
	  .examples = "  berth config device override c1 eth0 ipv4.address=10.0.3.50/24\n"
		      "      c1 gets its own eth0, like the profile's but for the address.\n",
	  .run = device_override,
	  .complete = "instance - -" },
	{ 0 },
};

const struct command profile_device_commands[] = {
	SHARED_ROWS("profile", "berth profile device", "small"),
	{ 0 },
};
