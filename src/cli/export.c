/* SPDX-License-Identifier: MIT */
/* berth export, berth import: instances as archives in LXD's format. Backups of berth's own format are in backup.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/packing.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/partial.h"

#define KEPT_S 86400 /* berthd deletes it then, should we not come to it */

enum { OPT_COMPRESSION = 1, OPT_INSTANCE_ONLY, OPT_OPTIMIZED };

/* ---- export */

static cJSON *export_body(const char *compression, bool instance_only)
{
	cJSON *body = cJSON_CreateObject();
	time_t until = time(NULL) + KEPT_S;
	char expires[32];
	struct tm tm;

	gmtime_r(&until, &tm);
	strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_set_str(body, "name", "");
	json_set_str(body, "expires_at", expires);
	json_set_bool(body, "instance_only", instance_only);
	json_set_bool(body, "container_only", instance_only);
	json_set_str(body, "compression_algorithm", compression);
	return body;
}

/* Where the archive is that was made: "/1.0/instances/c1/backups/backup0". Caller frees. */
static char *backup_path(const char *instance, const cJSON *op)
{
	const cJSON *url = cJSON_GetArrayItem(json_arr(json_obj(op, "resources"), "backups"), 0);
	const char *slash = cJSON_IsString(url) ? strrchr(url->valuestring, '/') : NULL;
	AUTO_FREE char *suffix = slash ? mem_printf("/backups%s", slash) : NULL;

	return suffix ? instance_path(instance, suffix) : NULL;
}

static int download_to(struct cli *cli, const char *url, const char *instance, const char *where, struct error *err)
{
	AUTO_FREE char *server_name = NULL, *path = NULL;
	AUTO_CLOSE int fd = -1;
	struct target t;
	int rc;

	if (where && strcmp(where, "-") == 0)
		return client_download(cli->client, url, STDOUT_FILENO, &server_name, err);
	target_parse(where, &t);
	fd = partial_open(t.dir, err);
	rc = fd < 0 ? -1 : client_download(cli->client, url, fd, &server_name, err);
	if (rc == 0) {
		path = t.name[0] ? mem_printf("%s/%s", t.dir, t.name) :
				   mem_printf("%s/%s%s", t.dir, instance_local(instance), packing_suffix(packing_of_file(fd)));
		rc = partial_keep(fd, path, err);
	}
	partial_drop();
	target_clear(&t);
	return rc;
}

static int export_instance(struct cli *cli, const char *instance, const char *where, const cJSON *body, struct error *err)
{
	AUTO_FREE char *backups = instance_path(instance, "/backups");
	AUTO_JSON cJSON *op = client_change(cli->client, "POST", backups, body, NULL, err), *gone = NULL;
	AUTO_FREE char *path = op ? backup_path(instance, op) : NULL;
	AUTO_FREE char *url = path ? mem_printf("%s/export", path) : NULL;
	struct error ignored = ERROR_INIT;
	int rc;

	if (op && !url)
		error_set(err, ERROR_TOOL, "berthd did not say where the archive is");
	if (!url)
		return -1;
	rc = download_to(cli, url, instance, where, err);
	gone = client_change(cli->client, "DELETE", path, NULL, NULL, rc == 0 ? err : &ignored);
	return gone ? rc : -1;
}

static int export_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "compression", required_argument, NULL, OPT_COMPRESSION },
						 { "instance-only", no_argument, NULL, OPT_INSTANCE_ONLY },
						 { "optimized-storage", no_argument, NULL, OPT_OPTIMIZED }, /* of lxc: as it is */
						 { 0 } };
	AUTO_JSON cJSON *body = NULL;
	const char *compression = "", *where;
	bool instance_only = false;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c == '?')
			return CLI_USAGE;
		if (c == OPT_COMPRESSION)
			compression = optarg;
		instance_only |= c == OPT_INSTANCE_ONLY;
	}
	if (cli_argc(cli, argc, 1, 2) != 0)
		return CLI_USAGE;
	if (strchr(argv[optind], '/'))
		return cli_usage(cli, "'%s' is no instance: snapshots come with theirs", argv[optind]);
	where = argc - optind > 1 ? argv[optind + 1] : NULL;
	if (where && strcmp(where, "-") == 0 && stdout_is_tty())
		return error_set(err, ERROR_INVALID, "an archive is nothing for a terminal");
	body = export_body(compression, instance_only);
	if (export_instance(cli, argv[optind], where, body, err) < 0)
		return -1;
	if (!cli->quiet && !(where && strcmp(where, "-") == 0))
		puts("Backup exported successfully!");
	return 0;
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
	const char *pool = NULL, *file;
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
	file = argv[optind];
	fd = strcmp(file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", file);
	if (isatty(fd))
		return error_set(err, ERROR_INVALID, "no archive comes from a terminal");
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
