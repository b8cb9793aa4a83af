/* SPDX-License-Identifier: MIT */
/* berth hook: what lies in hooks.d, see berth-hooks(7). */
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/listing.h"

static void hook_row(struct table *table, const cJSON *hook)
{
	table_row(table, (const char *const[]){ json_str_or(hook, "event", ""), json_str_or(hook, "name", ""),
						json_bool(hook, "active", false) ? "YES" : "NO", json_str_or(hook, "reason", "") });
}

static const struct listing hooks = { { "EVENT", "NAME", "ACTIVE", "REASON" }, hook_row };

static int hook_list(struct cli *cli, int argc, char **argv, struct error *err)
{
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
	return listing_get(cli, &hooks, path, format, err);
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
