/* SPDX-License-Identifier: MIT */
/* berth config metadata, berth config template: what an instance got of its image. */
#include "cli/config_metadata.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/edit.h"
#include "cli/instance.h"
#include "cli/listing.h"
#include "cli/object.h"

/* ---- metadata */

static int metadata_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	return object_get(cli, &object_metadata, argv[0], &o, err) < 0 ? -1 : object_show(&o, false, err);
}

static int metadata_edit(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	return rc != 0 ? rc : object_edit(cli, &object_metadata, argv[0], err);
}

const struct command config_metadata_commands[] = {
	{ .name = "show",
	  .args = "<instance>",
	  .summary = "Show instance metadata files",
	  .examples = "  berth config metadata show c1\n",
	  .run = metadata_show,
	  .complete = "instance -" },
	{ .name = "edit",
	  .args = "<instance>",
	  .summary = "Edit instance metadata files",
	  .examples = "  berth config metadata edit c1 < metadata.yaml\n",
	  .run = metadata_edit,
	  .complete = "instance -" },
	{ 0 },
};

/* ---- templates */

static char *template_url(const char *instance, const char *template)
{
	AUTO_FREE char *query = client_escape(template);
	AUTO_FREE char *suffix = mem_printf("/metadata/templates?path=%s", query);

	return instance_path(instance, suffix);
}

static void template_row(struct table *table, const cJSON *name)
{
	table_row(table, (const char *const[]){ cJSON_IsString(name) ? name->valuestring : "" });
}

static const struct listing templates = { { "FILENAME" }, template_row };

static int template_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *path = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc == 0 && argc < 1)
		rc = cli_usage(cli, "an argument is missing");
	if (rc != 0)
		return rc;
	path = instance_path(argv[0], "/metadata/templates");
	return listing_get(cli, &templates, path, format, err);
}

static int template_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *url = NULL, *name = NULL;
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	url = template_url(argv[0], argv[1]);
	fflush(stdout);
	return client_download(cli->client, url, STDOUT_FILENO, &name, err);
}

static int template_create(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *names = NULL, *answer = NULL;
	AUTO_FREE char *url = NULL, *list = NULL;
	const cJSON *name;
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	list = instance_path(argv[0], "/metadata/templates");
	names = client_get(cli->client, list, NULL, err);
	if (!names)
		return -1;
	cJSON_ArrayForEach(name, names)
		if (cJSON_IsString(name) && strcmp(name->valuestring, argv[1]) == 0)
			return error_set(err, ERROR_CONFLICT, "'%s' has a template '%s' already", argv[0], argv[1]);
	url = template_url(argv[0], argv[1]);
	answer = client_change(cli->client, "POST", url, NULL, NULL, err);
	return answer ? 0 : -1;
}

static int template_edit(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *url = NULL;
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	url = template_url(argv[0], argv[1]);
	return edit_remote(cli, url, NULL, err);
}

static int template_delete(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 2, -1);

	for (int i = 1; rc == 0 && i < argc; i++) {
		AUTO_FREE char *url = template_url(argv[0], argv[i]);
		AUTO_JSON cJSON *answer = client_change(cli->client, "DELETE", url, NULL, NULL, err);

		rc = answer ? 0 : -1;
	}
	return rc;
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };

const struct command config_template_commands[] = {
	{ .name = "list",
	  .args = "<instance>",
	  .summary = "List instance file templates",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth config template list c1\n",
	  .run = template_list,
	  .aliases = list_aliases,
	  .complete = "instance -" },
	{ .name = "show",
	  .args = "<instance> <template>",
	  .summary = "Show content of instance file templates",
	  .examples = "  berth config template show c1 hosts.tpl\n",
	  .run = template_show,
	  .complete = "instance template-of-instance -" },
	{ .name = "create",
	  .args = "<instance> <template>",
	  .summary = "Create new instance file templates",
	  .examples = "  berth config template create c1 motd.tpl\n"
		      "  echo 'This is {{ container.name }}' | berth config template edit c1 motd.tpl\n"
		      "  berth config metadata edit c1\n"
		      "      There \"templates:\" says when which file is made of it.\n",
	  .run = template_create,
	  .complete = "instance -" },
	{ .name = "edit",
	  .args = "<instance> <template>",
	  .summary = "Edit instance file templates",
	  .examples = "  berth config template edit c1 hosts.tpl < hosts.tpl\n",
	  .run = template_edit,
	  .complete = "instance template-of-instance -" },
	{ .name = "delete",
	  .args = "<instance> <template>...",
	  .summary = "Delete instance file templates",
	  .examples = "  berth config template delete c1 motd.tpl\n",
	  .run = template_delete,
	  .aliases = delete_aliases,
	  .complete = "instance template-of-instance" },
	{ 0 },
};
