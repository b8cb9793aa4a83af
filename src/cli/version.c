/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"

static int version(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *server = NULL;
	struct error why = ERROR_INIT;

	if (cli_getopt(cli, argc, argv, "", NULL) != -1 || cli_argc(cli, argc, 0, 0) != 0)
		return CLI_USAGE;
	server = client_get(cli->client, "/1.0", NULL, &why);
	printf("Client version: %s\n", BERTH_VERSION);
	printf("Server version: %s\n",
	       server ? json_str_or(json_obj(server, "environment"), "berth_version", "unknown") : "unreachable");
	if (!server && cli->debug)
		fprintf(stderr, "%s\n", why.msg);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.args = "",
	.summary = "Show client and server versions",
	.examples = "  berth version\n",
	.run = version,
};
