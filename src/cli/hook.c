/* SPDX-License-Identifier: MIT */
/* berth hook: what lies in hooks.d, see berth-hooks(7). */
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"

static int print_hooks(const cJSON *hooks, enum format format, struct error *err)
{
	static const char *const headers[] = { "EVENT", "NAME", "ACTIVE", "REASON" };
	struct table *table = table_new(headers, 4);
	const cJSON *hook;
	int rc;

	cJSON_ArrayForEach(hook, hooks)
		table_row(table, (const char *const[]){ json_str_or(hook, "event", ""), json_str_or(hook, "name", ""),
							json_bool(hook, "active", false) ? "YES" : "NO",
							json_str_or(hook, "reason", "") });
	rc = table_print(table, format, hooks, err);
	table_free(table);
	return rc;
}

static int hook_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *hooks = NULL;
	AUTO_FREE char *event = NULL;
	AUTO_FREE char *path = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, -1, &format);

	if (rc != 0)
		return rc;
	if (argc > 1)
		return cli_usage(cli, "too many arguments");
	event = argc > 0 ? client_escape(argv[0]) : NULL;
	path = mem_printf("/1.0/host/hooks%s%s", event ? "?event=" : "", event ? event : "");
	hooks = client_get(cli->client, path, NULL, err);
	return hooks ? print_hooks(hooks, format, err) : -1;
}

static const char *const list_aliases[] = { "ls", NULL };

static const struct command hook_commands[] = {
	{ .name = "list",
	  .args = "[<event>] [flags]",
	  .summary = "List the host's hooks, and which are not run and why",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth hook list\n"
		      "  berth hook list pre-start --format json\n",
	  .run = hook_list,
	  .aliases = list_aliases,
	  .complete = "event -" },
	{ 0 },
};

const struct command cmd_hook = {
	.name = "hook",
	.summary = "List the host's hooks",
	.examples = "  berth hook list\n",
	.sub = hook_commands,
};
