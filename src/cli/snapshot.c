/* SPDX-License-Identifier: MIT */
/* berth snapshot, berth restore. Removing, renaming and showing one are delete, rename, info and config NAME/SNAPSHOT. */
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/instance.h"

enum { OPT_NO_EXPIRY = 1, OPT_REUSE, OPT_STATEFUL };

struct snapshot {
	const char *instance, *name; /* name NULL: berthd finds one */
	bool no_expiry, reuse, stateful;
};

/* One of that name goes first; that there is none is fine. */
static int remove_old(struct cli *cli, const struct snapshot *s, struct error *err)
{
	AUTO_FREE char *full = mem_printf("%s/%s", instance_local(s->instance), s->name);
	AUTO_FREE char *path = instance_path(full, "");
	AUTO_JSON cJSON *old = client_get(cli->client, path, NULL, err);
	AUTO_JSON cJSON *op = NULL;

	if (!old && err->code == ERROR_NOT_FOUND) {
		error_clear(err);
		return 0;
	}
	if (!old)
		return -1;
	op = client_change(cli->client, "DELETE", path, NULL, NULL, err);
	return op ? 0 : -1;
}

static int take(struct cli *cli, const struct snapshot *s, struct error *err)
{
	AUTO_FREE char *path = instance_path(s->instance, "/snapshots");
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;

	if (s->reuse && s->name && remove_old(cli, s, err) < 0)
		return -1;
	json_set_str(body, "name", s->name ? s->name : "");
	json_set_bool(body, "stateful", s->stateful);
	if (s->no_expiry)
		json_set_str(body, "expires_at", TIME_UNSET);
	op = client_change(cli->client, "POST", path, body, NULL, err);
	return op ? 0 : -1;
}

static int snapshot_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "no-expiry", no_argument, NULL, OPT_NO_EXPIRY },
						 { "reuse", no_argument, NULL, OPT_REUSE },
						 { "stateful", no_argument, NULL, OPT_STATEFUL },
						 { 0 } };
	struct snapshot s = { 0 };
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		s.no_expiry |= opt == OPT_NO_EXPIRY;
		s.reuse |= opt == OPT_REUSE;
		s.stateful |= opt == OPT_STATEFUL;
	}
	rc = cli_argc(cli, argc, 1, 2);
	if (rc != 0)
		return rc;
	s.instance = argv[optind];
	s.name = argc - optind > 1 ? argv[optind + 1] : NULL;
	if (strchr(s.instance, '/'))
		return cli_usage(cli, "'%s' is no instance: the snapshot's name is an argument of its own", s.instance);
	return take(cli, &s, err);
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.args = "<instance> [<snapshot name>] [flags]",
	.summary = "Create a snapshot of an instance",
	.options = "      --no-expiry     Keep it, whatever snapshots.expiry says\n"
		   "      --reuse         Delete a snapshot of that name first\n",
	.examples = "  berth snapshot c1\n"
		    "      Its name comes from snapshots.pattern: snap0, snap1, ...\n\n"
		    "  berth snapshot c1 before-upgrade\n"
		    "  berth restore c1 before-upgrade\n"
		    "  berth delete c1/before-upgrade\n",
	.run = snapshot_run,
	.complete = "instance -",
};

static int restore_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "stateful", no_argument, NULL, OPT_STATEFUL }, { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *instance = NULL;
	const char *snapshot;
	int opt, n;

	while ((opt = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		json_set_bool(body, "stateful", true);
	}
	if (instance_and_part(cli, argc, argv, 0, &instance, &snapshot, &n) != 0)
		return CLI_USAGE;
	if (!*snapshot)
		return cli_usage(cli, "the name of the snapshot is empty");
	json_set_str(body, "restore", snapshot);
	path = instance_path(instance, "");
	op = client_change(cli->client, "PUT", path, body, NULL, err);
	return op ? 0 : -1;
}

const struct command cmd_restore = {
	.name = "restore",
	.args = "<instance> <snapshot>|<instance>/<snapshot>",
	.summary = "Bring an instance back to a snapshot",
	.examples = "  berth restore c1 before-upgrade\n"
		    "      Files and configuration are as they were then; if c1 runs, it is started again.\n",
	.run = restore_run,
	.complete = "instance snapshot-of-instance",
};
