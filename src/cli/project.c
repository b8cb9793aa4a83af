/* SPDX-License-Identifier: MIT */
/* berth project, berth cluster: there is one project, and no cluster; both say so in LXD's words. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/object.h"

static const char *feature(const cJSON *project, const char *key)
{
	return strcmp(json_str_or(json_obj(project, "config"), key, ""), "true") == 0 ? "YES" : "NO";
}

static void project_row(struct table *table, const cJSON *p)
{
	AUTO_FREE char *used = mem_printf("%d", cJSON_GetArraySize(json_arr(p, "used_by")));
	const char *name = json_str_or(p, "name", "");
	AUTO_FREE char *shown = mem_printf("%s%s", name, strcmp(name, "default") == 0 ? " (current)" : "");

	table_row(table, (const char *const[]){ shown, feature(p, "features.images"), feature(p, "features.profiles"),
						feature(p, "features.storage.volumes"), feature(p, "features.networks"),
						json_str_or(p, "description", ""), used });
}

static const struct listing projects = { { "NAME", "IMAGES", "PROFILES", "STORAGE VOLUMES", "NETWORKS", "DESCRIPTION", "USED BY" },
					 project_row };

static int project_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	return listing_command(cli, argc, argv, 1, &projects, "/1.0/projects?recursion=1", err);
}

/* ---- what it may use */

static void resource_row(struct table *table, const cJSON *resource)
{
	const char *name = json_str_or(resource, "name", "");
	int64_t limit = json_int(resource, "Limit", -1), usage = json_int(resource, "Usage", 0);
	bool bytes = strcmp(name, "DISK") == 0 || strcmp(name, "MEMORY") == 0;
	char limit_text[32] = "UNLIMITED", usage_text[32];

	if (limit >= 0 && bytes)
		units_format_size((uint64_t)limit, limit_text, sizeof(limit_text));
	else if (limit >= 0)
		snprintf(limit_text, sizeof(limit_text), "%lld", (long long)limit);
	if (bytes)
		units_format_size((uint64_t)usage, usage_text, sizeof(usage_text));
	else
		snprintf(usage_text, sizeof(usage_text), "%lld", (long long)usage);
	table_row(table, (const char *const[]){ name, limit_text, usage_text });
}

static const struct listing resources = { { "RESOURCE", "LIMIT", "USAGE" }, resource_row };

static int project_info(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *state = NULL;
	AUTO_JSON cJSON *rows = cJSON_CreateArray();
	AUTO_FREE char *name = NULL, *path = NULL;
	enum format format;
	const cJSON *one;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	if (argc < 1)
		return cli_usage(cli, "the name of a project is needed");
	name = client_escape(argv[0]);
	path = mem_printf("/1.0/projects/%s/state", name);
	state = client_get(cli->client, path, NULL, err);
	if (!state)
		return -1;
	cJSON_ArrayForEach(one, json_obj(state, "resources")) {
		cJSON *row = cJSON_Duplicate(one, true);

		json_set_str(row, "name", one->string);
		for (char *c = cJSON_GetObjectItemCaseSensitive(row, "name")->valuestring; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		cJSON_AddItemToArray(rows, row);
	}
	return listing_print(&resources, rows, format, err);
}

static const char *const list_aliases[] = { "ls", NULL };

static const struct command project_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List projects: the one there is",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth project list\n",
	  .run = project_list,
	  .aliases = list_aliases },
	{ .name = "show",
	  .args = "<project>",
	  .summary = "Show project options",
	  .examples = "  berth project show default\n",
	  .run = object_show_command,
	  .complete = "project -" },
	{ .name = "info",
	  .args = "<project>",
	  .summary = "Get a summary of resource allocations",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth project info default\n",
	  .run = project_info,
	  .complete = "project -" },
	{ 0 },
};

const struct command cmd_project = {
	.name = "project",
	.summary = "Show the project",
	.examples = "  berth project list\n",
	.sub = project_commands,
};

static int cluster_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *members = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	members = client_get(cli->client, "/1.0/cluster/members?recursion=1", NULL, err);
	return members ? error_set(err, ERROR_UNSUPPORTED, "this berthd is older than the one that has a cluster") : -1;
}

static const struct command cluster_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List all the cluster members: says that there is no cluster",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth cluster list\n",
	  .run = cluster_list,
	  .aliases = list_aliases },
	{ 0 },
};

const struct command cmd_cluster = {
	.name = "cluster",
	.summary = "Say that there is no cluster",
	.examples = "  berth cluster list\n",
	.sub = cluster_commands,
};
