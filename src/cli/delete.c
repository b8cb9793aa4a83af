/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/instance.h"

static bool is_snapshot(const char *name)
{
	return strchr(name, '/') != NULL;
}

/* Without --force only what is stopped goes, in lxc's words; with it the server stops and deletes in one
 * operation. */
static int delete_one(struct cli *cli, const char *name, bool force, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "");
	AUTO_FREE char *forced = mem_printf("%s?force=1", path);
	AUTO_JSON cJSON *instance = NULL;
	AUTO_JSON cJSON *op = NULL;

	if (!force && !is_snapshot(name)) {
		instance = client_get(cli->client, path, NULL, err);
		if (!instance)
			return -1;
		if (json_int(instance, "status_code", STATUS_STOPPED) != STATUS_STOPPED)
			return error_set(err, ERROR_CONFLICT,
					 "The instance is currently running, stop it first or pass --force");
	}
	op = client_change(cli->client, "DELETE", force && !is_snapshot(name) ? forced : path, NULL, NULL,
			   err);
	return op ? 0 : -1;
}

/* "c1/" and "/snap0" name nothing; "" would be the list of all. */
static bool names_something(const char *name)
{
	const char *local = instance_local(name), *slash = strchr(local, '/');

	return *local && slash != local && (!slash || slash[1]);
}

static bool confirmed(const char *name)
{
	char answer[16] = "";

	fprintf(stderr, "Remove %s (yes/no): ", name);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return !strcmp(answer, "yes\n") || !strcmp(answer, "y\n");
}

static int delete_all(struct cli *cli, char **names, int n, bool force, struct error *err)
{
	int failed = 0;

	for (int i = 0; i < n; i++) {
		if (delete_one(cli, names[i], force, err) == 0)
			continue;
		if (n == 1)
			return -1;
		failed++;
		fputs("Error: ", stderr);
		text_print(stderr, names[i]);
		fputs(": ", stderr);
		text_print(stderr, err->msg);
		putc('\n', stderr);
		error_clear(err);
	}
	return failed ? error_set(err, ERROR_TOOL, "Some instances failed to be deleted") : 0;
}

static int delete_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "interactive", no_argument, NULL, 'i' },
		{ 0 },
	};
	bool force = false, ask = false;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "fi", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		force |= opt == 'f';
		ask |= opt == 'i';
	}
	rc = cli_argc(cli, argc, 1, -1);
	if (rc != 0)
		return rc;
	for (int i = optind; i < argc; i++)
		if (!names_something(argv[i]))
			return cli_usage(cli, "'%s' names no instance and no snapshot", argv[i]);
	for (int i = optind; ask && i < argc; i++)
		if (!confirmed(argv[i]))
			return error_set(err, ERROR_CANCELLED, "User aborted delete operation");
	return delete_all(cli, argv + optind, argc - optind, force, err);
}

static const char *const aliases[] = { "rm", NULL };

const struct command cmd_delete = {
	.name = "delete",
	.args = "<instance>[/<snapshot>]... [flags]",
	.summary = "Delete instances and snapshots",
	.options = "  -f, --force         Stop running ones first\n"
		   "  -i, --interactive   Ask before\n",
	.examples = "  berth delete c1\n  berth delete -f c1 c2\n  berth delete c1/snap0\n",
	.run = delete_run,
	.aliases = aliases,
	.complete = "snapshot",
};
