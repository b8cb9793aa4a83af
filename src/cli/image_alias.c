/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/image.h"
#include "cli/instance.h"
#include "cli/listing.h"

#define ALIASES "/1.0/images/aliases"

static char *alias_path(const char *name)
{
	AUTO_FREE char *segment = client_escape(instance_local(name));

	return mem_printf(ALIASES "/%s", segment);
}

static int alias_create(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "description", required_argument, NULL, 'd' }, { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *result = NULL;
	AUTO_OBJECT struct object image = { 0 };
	const char *description = "";
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != 'd')
			return CLI_USAGE;
		description = optarg;
	}
	if (cli_argc(cli, argc, 2, 2) != 0)
		return CLI_USAGE;
	if (image_object(cli, argv[optind + 1], &image, err) < 0)
		return -1;
	json_set_str(body, "name", instance_local(argv[optind]));
	json_set_str(body, "target", json_str_or(image.value, "fingerprint", argv[optind + 1]));
	json_set_str(body, "description", description);
	json_set_str(body, "type", "container");
	result = client_change(cli->client, "POST", ALIASES, body, NULL, err);
	return result ? 0 : -1;
}

static int alias_rename(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *result = NULL;
	AUTO_FREE char *path = NULL;
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	path = alias_path(argv[0]);
	json_set_str(body, "name", argv[1]);
	result = client_change(cli->client, "POST", path, body, NULL, err);
	return result ? 0 : -1;
}

static int alias_delete(struct cli *cli, int argc, char **argv, struct error *err)
{
	int i, rc = cli_args(cli, &argc, &argv, 1, -1);

	for (i = 0; rc == 0 && i < argc; i++) {
		AUTO_FREE char *path = alias_path(argv[i]);
		AUTO_JSON cJSON *result = client_change(cli->client, "DELETE", path, NULL, NULL, err);

		rc = result ? 0 : -1;
	}
	return rc;
}

/* Part of the name, or the beginning of the fingerprint. */
static bool matches(const cJSON *alias, char *const *filters)
{
	const char *target = json_str_or(alias, "target", "");

	for (; *filters; filters++) {
		if (!strcasestr(json_str_or(alias, "name", ""), *filters) &&
		    strncasecmp(target, *filters, strlen(*filters)) != 0)
			return false;
	}
	return true;
}

static void alias_row(struct table *table, const cJSON *alias)
{
	AUTO_FREE char *fingerprint = mem_strndup(json_str_or(alias, "target", ""), IMAGE_FINGERPRINT_SHORT);
	AUTO_FREE char *type = text_upper(json_str_or(alias, "type", "container"));

	table_row(table, (const char *const[]){ json_str_or(alias, "name", ""), fingerprint, type,
						json_str_or(alias, "description", "") });
}

static const struct listing alias_listing = { { "ALIAS", "FINGERPRINT", "TYPE", "DESCRIPTION" }, alias_row };

static int alias_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *aliases = NULL;
	enum format format;
	cJSON *alias, *next;
	int rc = format_args(cli, &argc, &argv, -1, &format);

	if (rc != 0)
		return rc;
	aliases = client_get(cli->client, ALIASES "?recursion=1", NULL, err);
	if (!aliases)
		return -1;
	for (alias = aliases->child; alias; alias = next) {
		next = alias->next;
		if (!matches(alias, argv))
			cJSON_Delete(cJSON_DetachItemViaPointer(aliases, alias));
	}
	return listing_print(&alias_listing, aliases, format, err);
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const rename_aliases[] = { "mv", NULL };
static const char *const delete_aliases[] = { "rm", NULL };

const struct command image_alias_commands[] = {
	{ .name = "create",
	  .args = "<alias> <fingerprint>",
	  .summary = "Create aliases for existing images",
	  .options = "      --description TEXT  What the alias is for\n",
	  .examples = "  berth image alias create debian 025eb64a4b04\n",
	  .run = alias_create,
	  .complete = "- image" },
	{ .name = "list",
	  .args = "[<filter>...]",
	  .summary = "List image aliases",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n\n"
		     "Filters are a part of the alias or the beginning of the fingerprint.\n",
	  .examples = "  berth image alias list deb\n",
	  .run = alias_list,
	  .aliases = list_aliases },
	{ .name = "rename",
	  .args = "<alias> <new-name>",
	  .summary = "Rename aliases",
	  .examples = "  berth image alias rename debian debian-12\n",
	  .run = alias_rename,
	  .aliases = rename_aliases,
	  .complete = "image -" },
	{ .name = "delete",
	  .args = "<alias>...",
	  .summary = "Delete image aliases",
	  .examples = "  berth image alias delete debian\n"
		      "      The image stays.\n",
	  .run = alias_delete,
	  .aliases = delete_aliases,
	  .complete = "image" },
	{ 0 },
};
