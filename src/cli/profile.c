/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/config_device.h"
#include "cli/listing.h"
#include "cli/object.h"
#include "cli/profile_instance.h"

static void profile_row(struct table *table, const cJSON *p)
{
	AUTO_FREE char *used = mem_printf("%d", cJSON_GetArraySize(json_arr(p, "used_by")));

	table_row(table, (const char *const[]){ json_str_or(p, "name", ""), json_str_or(p, "description", ""), used });
}

static const struct listing profiles = { { "NAME", "DESCRIPTION", "USED BY" }, profile_row };

static int profile_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	return listing_command(cli, argc, argv, 0, &profiles, "/1.0/profiles?recursion=1", err);
}

/* POST /1.0/profiles; like gives config, devices and description, or NULL. */
static int create(struct cli *cli, const char *name, const cJSON *like, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *result = NULL;
	const cJSON *config = json_obj(like, "config");
	const cJSON *devices = json_obj(like, "devices");

	json_set_str(body, "name", name);
	json_set_str(body, "description", json_str_or(like, "description", ""));
	json_set(body, "config", config ? cJSON_Duplicate(config, true) : cJSON_CreateObject());
	json_set(body, "devices", devices ? cJSON_Duplicate(devices, true) : cJSON_CreateObject());
	result = client_change(cli->client, "POST", "/1.0/profiles", body, NULL, err);
	return result ? 0 : -1;
}

static int profile_create(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	if (create(cli, argv[0], NULL, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Profile %s created\n", argv[0]);
	return 0;
}

static int profile_copy(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	if (object_get(cli, &object_profile, argv[0], &o, err) < 0)
		return -1;
	return create(cli, argv[1], o.value, err);
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };
static const char *const rename_aliases[] = { "mv", NULL };
static const char *const copy_aliases[] = { "cp", NULL };
static const char *const assign_aliases[] = { "apply", NULL };

static const struct command profile_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List profiles",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth profile list -f csv\n",
	  .run = profile_list,
	  .aliases = list_aliases },
	{ .name = "show",
	  .args = "<profile>",
	  .summary = "Show profile configurations",
	  .examples = "  berth profile show default\n",
	  .run = object_show_command,
	  .complete = "profile" },
	{ .name = "create",
	  .args = "<profile>",
	  .summary = "Create profiles",
	  .examples = "  berth profile create small\n"
		      "  berth profile set small limits.cpu=1 limits.memory=128MiB\n",
	  .run = profile_create,
	  .complete = "-" },
	{ .name = "delete",
	  .args = "<profile>...",
	  .summary = "Delete profiles that no instance uses",
	  .examples = "  berth profile delete small\n",
	  .run = object_delete_command,
	  .aliases = delete_aliases,
	  .complete = "profile" },
	{ .name = "rename",
	  .args = "<profile> <new-name>",
	  .summary = "Rename profiles",
	  .examples = "  berth profile rename small tiny\n",
	  .run = object_rename_command,
	  .aliases = rename_aliases,
	  .complete = "profile -" },
	{ .name = "copy",
	  .args = "<profile> <new-name>",
	  .summary = "Copy profiles",
	  .examples = "  berth profile copy default lab\n",
	  .run = profile_copy,
	  .aliases = copy_aliases,
	  .complete = "profile -" },
	{ .name = "edit",
	  .args = "<profile>",
	  .summary = "Edit profile configurations as YAML",
	  .examples = "  berth profile edit small < small.yaml\n"
		      "      Takes the content from a file instead of an editor.\n",
	  .run = object_edit_command,
	  .complete = "profile" },
	{ .name = "get",
	  .args = "<profile> <key>",
	  .summary = "Get values for profile configuration keys",
	  .examples = "  berth profile get small limits.cpu\n",
	  .run = object_get_command,
	  .complete = "profile -" },
	{ .name = "set",
	  .args = "<profile> <key>=<value>...",
	  .summary = "Set profile configuration keys",
	  .examples = "  berth profile set small limits.cpu=1 boot.autostart=true\n"
		      "  berth profile set small limits.cpu 1\n",
	  .run = object_set_command,
	  .complete = "profile -" },
	{ .name = "unset",
	  .args = "<profile> <key>",
	  .summary = "Unset profile configuration keys",
	  .examples = "  berth profile unset small limits.cpu\n",
	  .run = object_unset_command,
	  .complete = "profile -" },
	{ .name = "add",
	  .args = "<instance> <profile>",
	  .summary = "Add profiles to instances",
	  .examples = "  berth profile add c1 small\n",
	  .run = profile_instance_add,
	  .complete = "instance profile" },
	{ .name = "remove",
	  .args = "<instance> <profile>",
	  .summary = "Remove profiles from instances",
	  .examples = "  berth profile remove c1 small\n",
	  .run = profile_instance_remove,
	  .complete = "instance profile" },
	{ .name = "assign",
	  .args = "<instance> <profile>[,<profile>...]",
	  .summary = "Assign sets of profiles to instances",
	  .examples = "  berth profile assign c1 default,small\n"
		      "      Set the profiles of c1 to \"default\" and \"small\".\n\n"
		      "  berth profile assign c1 ''\n"
		      "      Remove all profiles from c1.\n",
	  .run = profile_instance_assign,
	  .aliases = assign_aliases,
	  .complete = "instance profile" },
	{ .name = "device",
	  .summary = "Manage devices of profiles",
	  .examples = "  berth profile device add lab eth1 nic nictype=bridged parent=lxcbr1\n",
	  .sub = profile_device_commands },
	{ 0 },
};

const struct command cmd_profile = {
	.name = "profile",
	.summary = "Manage profiles",
	.examples = "  berth profile create small\n"
		    "  berth profile set small limits.memory=128MiB\n"
		    "  berth launch busybox c1 -p default -p small\n",
	.sub = profile_commands,
};
