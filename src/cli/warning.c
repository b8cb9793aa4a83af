/* SPDX-License-Identifier: MIT */
/* berth warning: what berthd has noticed. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/columns.h"
#include "cli/object.h"
#include "cli/when.h"

static char *member(const cJSON *w, const char *name)
{
	return mem_strdup(json_str_or(w, name, ""));
}

static char *column_count(const cJSON *w)
{
	return mem_printf("%d", (int)json_int(w, "count", 0));
}

static char *time_of(const cJSON *w, const char *name)
{
	char text[WHEN_TEXT_SIZE];

	when_format_long(json_str(w, name), text);
	return mem_strdup(text);
}

static char *column_last(const cJSON *w)
{
	return time_of(w, "last_seen_at");
}

static char *column_first(const cJSON *w)
{
	return time_of(w, "first_seen_at");
}

static char *column_location(const cJSON *w)
{
	return member(w, "location");
}

static char *column_project(const cJSON *w)
{
	return member(w, "project");
}

static char *column_severity(const cJSON *w)
{
	return text_upper(json_str_or(w, "severity", ""));
}

static char *column_status(const cJSON *w)
{
	return text_upper(json_str_or(w, "status", ""));
}

static char *column_uuid(const cJSON *w)
{
	return member(w, "uuid");
}

static char *column_type(const cJSON *w)
{
	return member(w, "type");
}

static char *column_message(const cJSON *w)
{
	return member(w, "last_message");
}

static const struct column columns[] = {
	{ 'u', "UUID", column_uuid },
	{ 't', "TYPE", column_type },
	{ 'S', "STATUS", column_status },
	{ 's', "SEVERITY", column_severity },
	{ 'c', "COUNT", column_count },
	{ 'p', "PROJECT", column_project },
	{ 'l', "LAST SEEN", column_last },
	{ 'f', "FIRST SEEN", column_first },
	{ 'L', "LOCATION", column_location },
	{ 'm', "MESSAGE", column_message },
	{ 0 },
};

/* Those that nobody has seen to. */
static void keep_new(cJSON *warnings)
{
	cJSON *w, *next;

	for (w = warnings->child; w; w = next) {
		next = w->next;
		if (strcmp(json_str_or(w, "status", ""), "new") != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(warnings, w));
	}
}

static int warning_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *warnings = NULL;
	struct columns shown;
	enum format format;
	bool all = false;

	if (columns_options(cli, argc, argv, columns, "utSscpl", &shown, &format, &all) != 0 || cli_argc(cli, argc, 0, 1) != 0)
		return CLI_USAGE;
	warnings = client_get(cli->client, "/1.0/warnings?recursion=1", NULL, err);
	if (!warnings)
		return -1;
	if (!all)
		keep_new(warnings);
	return columns_print(&shown, warnings, format, err);
}

static int warning_delete(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { 0 } };
	AUTO_JSON cJSON *warnings = NULL;
	bool all = false;
	const cJSON *w;
	int c, rc = 0;

	while ((c = cli_getopt(cli, argc, argv, "a", options)) != -1) {
		if (c != 'a')
			return CLI_USAGE;
		all = true;
	}
	if (cli_argc(cli, argc, all ? 0 : 1, all ? 0 : -1) != 0)
		return CLI_USAGE;
	warnings = all ? client_get(cli->client, "/1.0/warnings?recursion=1", NULL, err) : NULL;
	if (all && !warnings)
		return -1;
	cJSON_ArrayForEach(w, warnings)
		if (rc == 0)
			rc = object_delete(cli, &object_warning, json_str_or(w, "uuid", ""), err);
	for (int i = optind; rc == 0 && i < argc; i++)
		rc = object_delete(cli, &object_warning, argv[i], err);
	return rc;
}

static int warning_acknowledge(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, -1);

	for (int i = 0; rc == 0 && i < argc; i++) {
		AUTO_OBJECT struct object o = { 0 };

		if (object_get(cli, &object_warning, argv[i], &o, err) < 0)
			return -1;
		json_set_str(o.value, "status", "acknowledged");
		rc = object_send(cli, &o, err);
	}
	return rc;
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };
static const char *const acknowledge_aliases[] = { "ack", NULL };

static const struct command warning_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List warnings",
	  .options = "  -a, --all               Also those that are acknowledged or resolved\n"
		     "  -c, --columns COLUMNS   Columns (default utSscpl)\n"
		     "  -f, --format FORMAT     table, compact, json, csv or yaml (default table)\n\n"
		     "Columns:\n"
		     "  u UUID           t type        S status       s severity   c count\n"
		     "  p project        l last seen   f first seen   L location   m message\n",
	  .examples = "  berth warning list\n"
		      "  berth warning list -a -c tSlm\n",
	  .run = warning_list,
	  .aliases = list_aliases },
	{ .name = "show",
	  .args = "<uuid>",
	  .summary = "Show warning",
	  .examples = "  berth warning show 81266b23-281d-449f-b1c9-a7d3035c41c3\n",
	  .run = object_show_command,
	  .complete = "warning -" },
	{ .name = "acknowledge",
	  .args = "<uuid>...",
	  .summary = "Acknowledge warning",
	  .examples = "  berth warning acknowledge 81266b23-281d-449f-b1c9-a7d3035c41c3\n",
	  .run = warning_acknowledge,
	  .aliases = acknowledge_aliases,
	  .complete = "warning" },
	{ .name = "delete",
	  .args = "<uuid>...",
	  .summary = "Delete warning",
	  .options = "  -a, --all   Delete all warnings\n",
	  .examples = "  berth warning delete --all\n",
	  .run = warning_delete,
	  .aliases = delete_aliases,
	  .complete = "warning" },
	{ 0 },
};

const struct command cmd_warning = {
	.name = "warning",
	.summary = "Manage warnings",
	.examples = "  berth warning list\n",
	.sub = warning_commands,
};
