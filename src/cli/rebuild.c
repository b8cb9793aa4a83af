/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/instance.h"

static cJSON *source_of(const char *image)
{
	cJSON *source = cJSON_CreateObject();

	json_set_str(source, "type", image ? "image" : "none");
	if (image) /* berthd takes an alias, a fingerprint, or the beginning of one */
		json_set_str(source, "alias", instance_local(image));
	return source;
}

static int rebuild_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "empty", no_argument, NULL, 'e' },
		{ "force", no_argument, NULL, 'f' },
		{ 0 },
	};
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;
	AUTO_FREE char *path = NULL;
	bool empty = false, force = false;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "f", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		empty |= opt == 'e';
		force |= opt == 'f';
	}
	rc = cli_argc(cli, argc, 1, 2);
	if (rc != 0)
		return rc;
	if (empty && argc - optind == 2)
		return cli_usage(cli, "--empty and an image exclude each other");
	if (!empty && argc - optind == 1)
		return cli_usage(cli, "an image is missing (or --empty)");
	json_set(body, "source", source_of(empty ? NULL : argv[optind]));
	json_set_bool(body, "force", force);
	path = instance_path(argv[argc - 1], "/rebuild");
	op = client_change(cli->client, "POST", path, body, NULL, err);
	return op ? 0 : -1;
}

const struct command cmd_rebuild = {
	.name = "rebuild",
	.args = "[<image>] <instance> [flags]",
	.summary = "Give an instance a fresh root file system",
	.options = "      --empty         An empty one\n"
		   "  -f, --force         Also of a running instance: stops it, and starts it again\n\n"
		   "Configuration, addresses, devices, volumes and snapshots stay; what was in the root file\n"
		   "system is gone, unless the new one does not start.\n",
	.examples = "  berth rebuild debian c1\n"
		    "  berth rebuild debian c1 --force\n",
	.run = rebuild_run,
	.complete = "image instance",
};
