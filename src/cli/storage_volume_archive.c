/* SPDX-License-Identifier: MIT */
/* berth storage volume export, import: custom volumes as archives in LXD's format. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/archive.h"
#include "cli/instance.h"
#include "cli/storage.h"

enum { OPT_TYPE = 1 };

int volume_export_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct archive_options options;
	AUTO_JSON cJSON *request = NULL;
	AUTO_FREE char *name = NULL, *backups = NULL;
	const struct object_kind *kind = NULL;
	AUTO_OBJECT struct object o = { 0 };
	const char *where;

	if (archive_getopt(cli, argc, argv, "volume-only", &options) != 0 || cli_argc(cli, argc, 2, 3) != 0)
		return CLI_USAGE;
	where = argc - optind > 2 ? argv[optind + 2] : NULL;
	name = volume_object_name(argv[optind], argv[optind + 1], &kind, err);
	if (!name)
		return cli_usage(cli, "%s", err->msg);
	if (kind != &object_volume)
		return cli_usage(cli, "'%s' is no volume: snapshots come with theirs", argv[optind + 1]);
	if (archive_check_target(where, err) < 0)
		return -1;
	request = archive_request(options.compression);
	json_set_bool(request, "volume_only", options.only);
	object_init(&o, kind, name);
	backups = mem_printf("%s/backups", o.path);
	return archive_export(cli, backups, strrchr(name, '/') + 1, where, request, err);
}

static int import_fd(struct cli *cli, int fd, const char *pool, const char *name, struct error *err)
{
	AUTO_FREE char *segment = client_escape(instance_local(pool));
	AUTO_FREE char *path = mem_printf("/1.0/storage-pools/%s/volumes/custom", segment);
	AUTO_ARGV struct argv headers = ARGV_INIT;
	AUTO_JSON cJSON *op = NULL;

	argv_push(&headers, "Content-Type: application/octet-stream");
	if (name)
		argv_pushf(&headers, "X-LXD-name: %s", name);
	op = client_upload(cli->client, path, fd, (const char *const *)headers.v, err);
	if (!op)
		return -1;
	if (!cli->quiet)
		puts("Storage volume imported successfully!");
	return 0;
}

int volume_import_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "type", required_argument, NULL, OPT_TYPE }, { 0 } };
	const char *type = "backup", *name;
	AUTO_CLOSE int fd = -1;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != OPT_TYPE)
			return CLI_USAGE;
		type = optarg;
	}
	if (cli_argc(cli, argc, 2, 3) != 0)
		return CLI_USAGE;
	name = argc - optind > 2 ? argv[optind + 2] : NULL;
	if (strcmp(type, "backup") != 0)
		return cli_usage(cli, "'%s' cannot be imported: only backups can", type);
	if (name && (!*name || strpbrk(name, "/\r\n")))
		return cli_usage(cli, "'%s' is no name of a volume", name);
	fd = archive_open(argv[optind + 1], err);
	return fd < 0 ? -1 : import_fd(cli, fd, argv[optind], name, err);
}
