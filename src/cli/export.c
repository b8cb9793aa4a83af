/* SPDX-License-Identifier: MIT */
/* berth export, berth import: instances as archives in LXD's format. Backups of berth's own format are in backup.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/archive.h"
#include "cli/cli.h"
#include "cli/instance.h"

/* ---- export */

static int export_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct archive_options options;
	AUTO_JSON cJSON *body = NULL;
	AUTO_FREE char *backups = NULL;
	const char *where;

	if (archive_getopt(cli, argc, argv, "instance-only", &options) != 0 || cli_argc(cli, argc, 1, 2) != 0)
		return CLI_USAGE;
	if (strchr(argv[optind], '/'))
		return cli_usage(cli, "'%s' is no instance: snapshots come with theirs", argv[optind]);
	where = argc - optind > 1 ? argv[optind + 1] : NULL;
	if (archive_check_target(where, err) < 0)
		return -1;
	body = archive_request(options.compression);
	json_set_bool(body, "instance_only", options.only);
	json_set_bool(body, "container_only", options.only);
	backups = instance_path(argv[optind], "/backups");
	return archive_export(cli, backups, instance_local(argv[optind]), where, body, err);
}

const struct command cmd_export = {
	.name = "export",
	.args = "<instance> [<target>]|- [flags]",
	.summary = "Export an instance with its snapshots as an archive in LXD's format",
	.options = "      --compression PROGRAM   none, gzip, bzip2, lzma, xz or zstd, with a level: \"xz -6\"\n"
		   "      --instance-only         Without its snapshots\n",
	.examples = "  berth export c1\n"
		    "      c1.tar.gz in the working directory.\n\n"
		    "  berth export c1 /srv/c1.tar.zst --compression zstd\n"
		    "  berth export c1 - | ssh other berth import -\n\n"
		    "  lxc import takes it, too. For backups that are kept here see \"berth backup\".\n",
	.run = export_run,
	.complete = "instance file",
};

/* ---- import */

static int import_fd(struct cli *cli, int fd, const char *name, const char *pool, struct error *err)
{
	AUTO_ARGV struct argv headers = ARGV_INIT;
	AUTO_JSON cJSON *op = NULL;
	const char *made;

	argv_push(&headers, "Content-Type: application/octet-stream");
	if (name)
		argv_pushf(&headers, "X-LXD-name: %s", name);
	if (pool)
		argv_pushf(&headers, "X-LXD-pool: %s", pool);
	op = client_upload(cli->client, "/1.0/instances", fd, (const char *const *)headers.v, err);
	if (!op)
		return -1;
	made = instance_of_operation(op);
	if (!cli->quiet)
		printf("Instance %s imported\n", made ? made : name ? name : "");
	return 0;
}

static int import_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "storage", required_argument, NULL, 's' }, { 0 } };
	const char *pool = NULL;
	AUTO_CLOSE int fd = -1;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "s:", options)) != -1) {
		if (c != 's')
			return CLI_USAGE;
		pool = optarg;
	}
	if (optind < argc && strcmp(argv[optind], "local:") == 0) /* as lxc names the one server there is */
		optind++;
	if (cli_argc(cli, argc, 1, 2) != 0)
		return CLI_USAGE;
	fd = archive_open(argv[optind], err);
	if (fd < 0)
		return -1;
	return import_fd(cli, fd, argc - optind > 1 ? instance_local(argv[optind + 1]) : NULL, pool, err);
}

const struct command cmd_import = {
	.name = "import",
	.args = "<archive>|- [<instance>] [flags]",
	.summary = "Import an instance from an archive in LXD's format",
	.options = "  -s, --storage POOL   Into this storage pool\n",
	.examples = "  berth import c1.tar.gz\n"
		    "  berth import c1.tar.gz c2 -s fast\n",
	.run = import_run,
	.complete = "file -",
};
