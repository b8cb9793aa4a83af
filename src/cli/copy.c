/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/copy.h"
#include "cli/instance.h"
#include "cli/object.h"

struct copy {
	bool instance_only, ephemeral, no_profiles;
	bool moves;   /* the source ends when the copy is there */
	bool refresh; /* a copy that is there is brought up to date */
	const char *storage;
	cJSON *config, *devices, *profiles;
};

enum { OPT_INSTANCE_ONLY = 1, OPT_NO_PROFILES, OPT_STATELESS, OPT_REFRESH };

static const struct option copy_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "device", required_argument, NULL, 'd' },
	{ "profile", required_argument, NULL, 'p' },
	{ "storage", required_argument, NULL, 's' },
	{ "ephemeral", no_argument, NULL, 'e' },
	{ "no-profiles", no_argument, NULL, OPT_NO_PROFILES },
	{ "instance-only", no_argument, NULL, OPT_INSTANCE_ONLY },
	{ "refresh", no_argument, NULL, OPT_REFRESH },
	{ "stateless", no_argument, NULL, OPT_STATELESS }, /* of lxc: what we always do */
	{ 0 },
};

static int take_option(struct copy *c, int opt, struct error *err)
{
	if (opt == 'c')
		return instance_config_option(c->config, optarg, err);
	if (opt == 'd')
		return instance_device_option(c->devices, optarg, err);
	if (opt == 'p')
		cJSON_AddItemToArray(c->profiles, cJSON_CreateString(optarg));
	else if (opt == 's')
		c->storage = optarg;
	c->ephemeral |= opt == 'e';
	c->no_profiles |= opt == OPT_NO_PROFILES;
	c->instance_only |= opt == OPT_INSTANCE_ONLY;
	c->refresh |= opt == OPT_REFRESH;
	return 0;
}

/* Addresses, ids and states of the source are not the copy's. */
static cJSON *copied_config(const cJSON *config)
{
	cJSON *copy = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, config)
	{
		if (strncmp(item->string, "volatile.", 9) != 0 ||
		    !strcmp(item->string, "volatile.base_image"))
			json_set(copy, item->string, cJSON_Duplicate(item, true));
	}
	return copy;
}

static void merge(cJSON *into, const cJSON *from)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, from)
		json_set(into, item->string, cJSON_Duplicate(item, true));
}

static const cJSON *find_root(const cJSON *devices)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, devices)
		if (!strcmp(json_str_or(item, "type", ""), "disk") && !strcmp(json_str_or(item, "path", ""), "/"))
			return item;
	return NULL;
}

/* Of the root disk, whatever its name; one of a profile, or none at all, becomes the copy's own. */
static void set_pool(cJSON *devices, const cJSON *expanded, const char *pool)
{
	const cJSON *old = find_root(devices) ? find_root(devices) : find_root(expanded);
	AUTO_FREE char *name = mem_strdup(old ? old->string : "root");
	cJSON *root = old ? cJSON_Duplicate(old, true) : cJSON_CreateObject();

	json_set_str(root, "type", "disk");
	json_set_str(root, "path", "/");
	json_set_str(root, "pool", pool);
	json_set(devices, name, root);
}

/* -d changes devices of the source, a device with a type replaces one; devices of profiles are copied to be
 * changed. */
static cJSON *copied_devices(const struct copy *c, const cJSON *source)
{
	const cJSON *own = json_obj(source, "devices");
	const cJSON *expanded = json_obj(source, "expanded_devices");
	cJSON *devices = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, c->devices)
	{
		const cJSON *old = json_obj(own, item->string) ? json_obj(own, item->string) :
								 json_obj(expanded, item->string);
		cJSON *device =
		    old && !json_str(item, "type") ? cJSON_Duplicate(old, true) : cJSON_CreateObject();

		merge(device, item);
		json_set(devices, item->string, device);
	}
	if (c->storage)
		set_pool(devices, expanded, c->storage);
	return devices;
}

static cJSON *copy_source(const struct copy *c, const cJSON *instance, const char *from)
{
	cJSON *source = cJSON_CreateObject();
	const char *base = json_str(json_obj(instance, "config"), "volatile.base_image");

	json_set_str(source, "type", "copy");
	json_set_str(source, "source", instance_local(from));
	if (base)
		json_set_str(source, "base-image", base);
	if (c->refresh)
		json_set_bool(source, "refresh", true);
	json_set_bool(source, "instance_only", c->instance_only);
	json_set_bool(source, "container_only", c->instance_only);
	return source;
}

static cJSON *copy_body(const struct copy *c, const cJSON *instance, const char *from, const char *to)
{
	const cJSON *profiles = json_arr(instance, "profiles");
	cJSON *body = cJSON_CreateObject();
	cJSON *config = copied_config(json_obj(instance, "config"));

	merge(config, c->config);
	json_set_str(body, "name", instance_local(to));
	json_set_str(body, "type", "container");
	json_set_str(body, "architecture", json_str_or(instance, "architecture", ""));
	json_set_str(body, "description", json_str_or(instance, "description", ""));
	json_set_bool(body, "ephemeral", c->moves ? json_bool(instance, "ephemeral", false) : c->ephemeral);
	json_set_bool(body, "stateful", false);
	json_set(body, "config", config);
	json_set(body, "devices", copied_devices(c, instance));
	if (c->no_profiles)
		json_set(body, "profiles", cJSON_CreateArray());
	else if (cJSON_GetArraySize(c->profiles) > 0)
		json_set(body, "profiles", cJSON_Duplicate(c->profiles, true));
	else if (profiles)
		json_set(body, "profiles", cJSON_Duplicate(profiles, true));
	json_set(body, "source", copy_source(c, instance, from));
	return body;
}

/* berthd refreshes files and snapshots: the configuration is ours to put. What is volatile stays the copy's own. */
static int put_config(struct cli *cli, const char *to, const cJSON *body, struct error *err)
{
	static const char *const members[] = { "config", "devices", "profiles", "description" };
	AUTO_OBJECT struct object o = { 0 };
	AUTO_JSON cJSON *old = NULL;
	const cJSON *item;

	if (object_get(cli, &object_instance, to, &o, err) < 0)
		return -1;
	old = cJSON_Duplicate(json_obj(o.value, "config"), true);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		item = cJSON_GetObjectItemCaseSensitive(body, members[i]);
		if (item)
			json_set(o.value, members[i], cJSON_Duplicate(item, true));
	}
	cJSON_ArrayForEach(item, old)
		if (strncmp(item->string, "volatile.", 9) == 0)
			json_set(object_settings(&o), item->string, cJSON_Duplicate(item, true));
	return object_put(cli, &o, err);
}

static int copy_parsed(struct cli *cli, const struct copy *c, const char *from, const char *to,
		       struct error *err)
{
	AUTO_FREE char *path = instance_path(from, "");
	AUTO_JSON cJSON *instance = client_get(cli->client, path, NULL, err);
	AUTO_JSON cJSON *body = NULL;
	AUTO_JSON cJSON *op = NULL;

	if (!instance)
		return -1;
	body = copy_body(c, instance, from, to);
	op = client_change(cli->client, "POST", "/1.0/instances", body, NULL, err);
	if (!op)
		return -1;
	return c->refresh ? put_config(cli, to, body, err) : 0;
}

int copy_to_pool(struct cli *cli, const char *from, const char *to, const char *pool, bool instance_only, struct error *err)
{
	const struct copy c = { .instance_only = instance_only, .moves = true, .storage = pool };

	return copy_parsed(cli, &c, from, to, err);
}

static int copy_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *config = cJSON_CreateObject(), *devices = cJSON_CreateObject(),
			*profiles = cJSON_CreateArray();
	struct copy c = { .config = config, .devices = devices, .profiles = profiles };
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "c:d:p:s:e", copy_options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (take_option(&c, opt, err) < 0)
			return cli_usage(cli, "%s", err->msg);
	}
	rc = cli_argc(cli, argc, 2, 2);
	if (rc != 0)
		return rc;
	if (c.no_profiles && cJSON_GetArraySize(profiles) > 0)
		return cli_usage(cli, "--no-profiles and --profile exclude each other");
	return copy_parsed(cli, &c, argv[optind], argv[optind + 1], err);
}

static const char *const aliases[] = { "cp", NULL };

const struct command cmd_copy = {
	.name = "copy",
	.args = "<instance>[/<snapshot>] <new name> [flags]",
	.summary = "Copy an instance",
	.options = "  -c, --config KEY=VALUE            Set a configuration key of the copy (repeatable)\n"
		   "  -d, --device NAME,KEY=VALUE,...   Add or change a device of the copy (repeatable)\n"
		   "  -p, --profile NAME                Apply this profile to the copy (repeatable)\n"
		   "      --no-profiles                 Apply none\n"
		   "  -s, --storage POOL                Put its root disk into this storage pool\n"
		   "  -e, --ephemeral                   Delete the copy when it stops\n"
		   "      --instance-only               Without its snapshots\n"
		   "      --refresh                     Bring a copy that is there already up to date\n",
	.examples = "  berth copy c1 c2\n"
		    "  berth copy c1 c2 -c limits.memory=1GiB -d eth0,ipv4.address=10.0.3.21\n"
		    "  berth copy c1 c2 --refresh\n",
	.run = copy_run,
	.aliases = aliases,
	.complete = "snapshot -",
};
