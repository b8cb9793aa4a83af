/* SPDX-License-Identifier: MIT */
/* berth storage: pools, and the table of commands. */
#include "cli/storage.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/instance.h"
#include "cli/keyval.h"
#include "cli/listing.h"

static void pool_row(struct table *table, const cJSON *p)
{
	AUTO_FREE char *used = mem_printf("%d", cJSON_GetArraySize(json_arr(p, "used_by")));
	AUTO_FREE char *state = text_upper(json_str_or(p, "status", ""));

	table_row(table, (const char *const[]){ json_str_or(p, "name", ""), json_str_or(p, "driver", ""),
						json_str_or(json_obj(p, "config"), "source", ""),
						json_str_or(p, "description", ""), used, state });
}

static const struct listing pools = { { "NAME", "DRIVER", "SOURCE", "DESCRIPTION", "USED BY", "STATE" }, pool_row };

static int storage_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	return listing_command(cli, argc, argv, 1, &pools, "/1.0/storage-pools?recursion=1", err);
}

/* The numbers of the pool of the arguments, and it. 0, or what run returns. */
static cJSON *resources_of(struct cli *cli, const char *pool, struct error *err)
{
	AUTO_FREE char *segment = client_escape(instance_local(pool));
	AUTO_FREE char *path = mem_printf("/1.0/storage-pools/%s/resources", segment);

	return client_get(cli->client, path, NULL, err);
}

static int storage_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "resources", no_argument, NULL, 'r' }, { 0 } };
	AUTO_JSON cJSON *resources = NULL;
	AUTO_OBJECT struct object o = { 0 };
	bool numbers = false;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != 'r')
			return CLI_USAGE;
		numbers = true;
	}
	if (cli_argc(cli, argc, 1, 1) != 0)
		return CLI_USAGE;
	if (numbers) {
		resources = resources_of(cli, argv[optind], err);
		return resources ? yaml_print(resources, stdout, err) : -1;
	}
	return object_get(cli, &object_pool, argv[optind], &o, err) < 0 ? -1 : object_show(&o, false, err);
}

/* ---- info: as lxc shows it */

static void add_space(cJSON *info, const char *label, const cJSON *space, const char *member, bool bytes)
{
	uint64_t n = (uint64_t)json_int(space, member, 0);
	char text[32];

	units_format_size(n, text, sizeof(text));
	if (bytes)
		json_set_strf(info, label, "%llu", (unsigned long long)n);
	else
		json_set_str(info, label, text);
}

/* "/1.0/instances/c1" under "instances", "/1.0/storage-pools/p/volumes/custom/v" under "volumes". */
static void add_user(cJSON *used, const char *url)
{
	const char *rest = strncmp(url, "/1.0/", 5) == 0 ? url + 5 : url;
	const char *name = strrchr(url, '/') ? strrchr(url, '/') + 1 : url;
	AUTO_FREE char *kind = mem_strndup(rest, strcspn(rest, "/"));
	const char *group = strstr(rest, "/volumes/") ? "volumes" : strstr(rest, "/snapshots/") ? "snapshots" : kind;
	cJSON *list = json_arr(used, group);

	if (!list) {
		list = cJSON_CreateArray();
		json_set(used, group, list);
	}
	cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

static int storage_info(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "bytes", no_argument, NULL, 'b' }, { 0 } };
	AUTO_JSON cJSON *resources = NULL, *view = cJSON_CreateObject();
	AUTO_OBJECT struct object o = { 0 };
	cJSON *info = cJSON_AddObjectToObject(view, "info"), *used = cJSON_AddObjectToObject(view, "used by");
	const cJSON *user;
	bool bytes = false;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != 'b')
			return CLI_USAGE;
		bytes = true;
	}
	if (cli_argc(cli, argc, 1, 1) != 0)
		return CLI_USAGE;
	if (object_get(cli, &object_pool, argv[optind], &o, err) < 0)
		return -1;
	resources = resources_of(cli, argv[optind], err);
	if (!resources)
		return -1;
	json_set_str(info, "description", json_str_or(o.value, "description", ""));
	json_set_str(info, "driver", json_str_or(o.value, "driver", ""));
	json_set_str(info, "name", o.name);
	add_space(info, "space used", json_obj(resources, "space"), "used", bytes);
	add_space(info, "total space", json_obj(resources, "space"), "total", bytes);
	cJSON_ArrayForEach(user, json_arr(o.value, "used_by"))
		add_user(used, cJSON_IsString(user) ? user->valuestring : "");
	json_sort(used);
	return yaml_print(view, stdout, err);
}

static int storage_create(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "description", required_argument, NULL, 'D' }, { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject(), *config = NULL, *result = NULL;
	const char *description = "";
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != 'D')
			return CLI_USAGE;
		description = optarg;
	}
	argc -= optind;
	argv += optind;
	if (argc < 2)
		return cli_usage(cli, "a name and a driver are needed: dir, overlay or btrfs");
	config = argc > 2 ? keyval_parse(argc - 2, argv + 2, err) : cJSON_CreateObject();
	if (!config)
		return -1;
	json_set_str(body, "name", instance_local(argv[0]));
	json_set_str(body, "driver", argv[1]);
	json_set_str(body, "description", description);
	json_set(body, "config", cJSON_Duplicate(config, true));
	result = client_change(cli->client, "POST", "/1.0/storage-pools", body, NULL, err);
	if (!result)
		return -1;
	if (!cli->quiet)
		printf("Storage pool %s created\n", argv[0]);
	return 0;
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };

static const struct command storage_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List available storage pools",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth storage list\n",
	  .run = storage_list,
	  .aliases = list_aliases },
	{ .name = "show",
	  .args = "<pool>",
	  .summary = "Show storage pool configurations and resources",
	  .options = "      --resources   Show its space and inodes instead\n",
	  .examples = "  berth storage show default\n",
	  .run = storage_show,
	  .complete = "pool -" },
	{ .name = "info",
	  .args = "<pool>",
	  .summary = "Show useful information about storage pools",
	  .options = "      --bytes   Show the used and free space in bytes\n",
	  .examples = "  berth storage info default\n",
	  .run = storage_info,
	  .complete = "pool -" },
	{ .name = "create",
	  .args = "<pool> <driver> [<key>=<value>...]",
	  .summary = "Create storage pools",
	  .options = "      --description TEXT\n",
	  .examples = "  berth storage create data dir source=/srv/data\n"
		      "      An empty folder of the host.\n\n"
		      "  berth storage create fast btrfs source=/dev/nvme1n1\n"
		      "  berth storage create lab btrfs size=20GiB\n"
		      "      Without a source it is a file of that size.\n",
	  .run = storage_create,
	  .complete = "- dir|overlay|btrfs -" },
	{ .name = "delete",
	  .args = "<pool>...",
	  .summary = "Delete storage pools that nothing uses",
	  .examples = "  berth storage delete data\n",
	  .run = object_delete_command,
	  .aliases = delete_aliases,
	  .complete = "pool" },
	{ .name = "edit",
	  .args = "<pool>",
	  .summary = "Edit storage pool configurations as YAML",
	  .examples = "  berth storage edit data < pool.yaml\n",
	  .run = object_edit_command,
	  .complete = "pool -" },
	{ .name = "get",
	  .args = "<pool> <key>",
	  .summary = "Get values for storage pool configuration keys",
	  .examples = "  berth storage get data source\n",
	  .run = object_get_command,
	  .complete = "pool -" },
	{ .name = "set",
	  .args = "<pool> <key>=<value>...",
	  .summary = "Set storage pool configuration keys",
	  .examples = "  berth storage set data volume.snapshots.expiry=2w\n",
	  .run = object_set_command,
	  .complete = "pool -" },
	{ .name = "unset",
	  .args = "<pool> <key>",
	  .summary = "Unset storage pool configuration keys",
	  .examples = "  berth storage unset data volume.snapshots.expiry\n",
	  .run = object_unset_command,
	  .complete = "pool -" },
	{ .name = "volume",
	  .summary = "Manage storage volumes",
	  .examples = "  berth storage volume create default data\n"
		      "  berth storage volume attach default data c1 /srv\n",
	  .sub = storage_volume_commands },
	{ 0 },
};

const struct command cmd_storage = {
	.name = "storage",
	.summary = "Manage storage pools and volumes",
	.examples = "  berth storage list\n"
		    "  berth storage volume attach default data c1 /srv\n\n"
		    "  \"berth volume\" shows those of instances in its own way: c1/data is c1_data of the pool default.\n",
	.sub = storage_commands,
};
