/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/instance.h"

/* Of "c1/a" and "c1/b". */
static bool same_instance(const char *from, const char *to)
{
	size_t len = strcspn(from, "/");

	return strcspn(to, "/") == len && memcmp(from, to, len) == 0;
}

static int rename_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;
	AUTO_FREE char *path = NULL;
	const char *to, *slash;
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	to = instance_local(argv[1]);
	slash = strchr(argv[0], '/') ? strchr(to, '/') : NULL;
	if (slash && !same_instance(instance_local(argv[0]), to))
		return cli_usage(cli, "'%s' cannot become '%s': a snapshot stays with its instance", argv[0], argv[1]);
	json_set_str(body, "name", slash ? slash + 1 : to);
	path = instance_path(argv[0], "");
	op = client_change(cli->client, "POST", path, body, NULL, err);
	return op ? 0 : -1;
}

static const char *const aliases[] = { "move", "mv", NULL };

const struct command cmd_rename = {
	.name = "rename",
	.args = "<instance>[/<snapshot>] <new name>",
	.summary = "Rename a stopped instance, or a snapshot",
	.examples = "  berth rename c1 web\n"
		    "  berth rename c1/snap0 c1/before-upgrade\n",
	.run = rename_run,
	.aliases = aliases,
	.complete = "snapshot -",
};
