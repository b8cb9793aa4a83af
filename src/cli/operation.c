/* SPDX-License-Identifier: MIT */
/* berth operation: what the daemon is doing and has just done. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/when.h"

static char *operation_path(const char *id)
{
	AUTO_FREE char *segment = client_escape(id);

	return mem_printf("/1.0/operations/%s", segment);
}

/* {"running":[…],"success":[…]} as one list. */
static cJSON *flatten(const cJSON *by_status)
{
	cJSON *all = cJSON_CreateArray();
	const cJSON *list, *operation;

	cJSON_ArrayForEach(list, by_status) {
		cJSON_ArrayForEach(operation, list)
			cJSON_AddItemToArray(all, cJSON_Duplicate(operation, true));
	}
	return all;
}

static void operation_row(struct table *table, const cJSON *operation)
{
	AUTO_FREE char *class = text_upper(json_str_or(operation, "class", ""));
	AUTO_FREE char *status = text_upper(json_str_or(operation, "status", ""));
	char created[WHEN_TEXT_SIZE];

	when_format(json_str(operation, "created_at"), "", created);
	table_row(table, (const char *const[]){ json_str_or(operation, "id", ""), class, json_str_or(operation, "description", ""),
						status, json_bool(operation, "may_cancel", false) ? "YES" : "NO", created });
}

static const struct listing operations = { { "ID", "TYPE", "DESCRIPTION", "STATUS", "CANCELABLE", "CREATED" }, operation_row };

static int operation_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *by_status = NULL;
	AUTO_JSON cJSON *all = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 0, &format);

	if (rc != 0)
		return rc;
	by_status = client_get(cli->client, "/1.0/operations?recursion=1", NULL, err);
	if (!by_status)
		return -1;
	all = flatten(by_status);
	return listing_print(&operations, all, format, err);
}

static int operation_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_JSON cJSON *operation = NULL;
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	path = operation_path(argv[0]);
	operation = client_get(cli->client, path, NULL, err);
	return operation ? yaml_print(operation, stdout, err) : -1;
}

static int operation_delete(struct cli *cli, int argc, char **argv, struct error *err)
{
	int i, rc = cli_args(cli, &argc, &argv, 1, -1);

	if (rc != 0)
		return rc;
	for (i = 0; i < argc; i++) {
		AUTO_FREE char *path = operation_path(argv[i]);
		AUTO_JSON cJSON *result = client_change(cli->client, "DELETE", path, NULL, NULL, err);

		if (!result)
			return -1;
		if (!cli->quiet)
			printf("Operation %s deleted\n", argv[i]);
	}
	return 0;
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "cancel", "rm", NULL };

static const struct command operation_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List background operations",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth operation list\n",
	  .run = operation_list,
	  .aliases = list_aliases },
	{ .name = "show",
	  .args = "<operation>",
	  .summary = "Show details on a background operation",
	  .examples = "  berth operation show 344a79e4-d88a-45bf-9c39-c72c26f6ab8a\n",
	  .run = operation_show,
	  .complete = "operation -" },
	{ .name = "delete",
	  .args = "<operation>...",
	  .summary = "Delete background operations (cancels them)",
	  .examples = "  berth operation delete 344a79e4-d88a-45bf-9c39-c72c26f6ab8a\n",
	  .run = operation_delete,
	  .aliases = delete_aliases,
	  .complete = "operation" },
	{ 0 },
};

const struct command cmd_operation = {
	.name = "operation",
	.summary = "List, show and delete background operations",
	.examples = "  berth operation list\n",
	.sub = operation_commands,
};
