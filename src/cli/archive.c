/* SPDX-License-Identifier: MIT */
#include "cli/archive.h"

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
#include "cli/partial.h"

#define KEPT_S 86400 /* berthd deletes it then, should we not come to it */

int archive_getopt(struct cli *cli, int argc, char **argv, const char *only, struct archive_options *ret)
{
	enum { OPT_COMPRESSION = 1, OPT_ONLY, OPT_OPTIMIZED };
	const struct option options[] = { { "compression", required_argument, NULL, OPT_COMPRESSION },
					  { only, no_argument, NULL, OPT_ONLY },
					  { "optimized-storage", no_argument, NULL, OPT_OPTIMIZED }, /* it is as it is */
					  { 0 } };
	int c;

	*ret = (struct archive_options){ .compression = "" };
	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c == '?')
			return CLI_USAGE;
		if (c == OPT_COMPRESSION)
			ret->compression = optarg;
		ret->only |= c == OPT_ONLY;
	}
	return 0;
}

cJSON *archive_request(const char *compression)
{
	cJSON *request = cJSON_CreateObject();
	time_t until = time(NULL) + KEPT_S;
	char expires[32];
	struct tm tm;

	gmtime_r(&until, &tm);
	strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_set_str(request, "name", "");
	json_set_str(request, "expires_at", expires);
	json_set_str(request, "compression_algorithm", compression);
	return request;
}

int archive_check_target(const char *where, struct error *err)
{
	return where && strcmp(where, "-") == 0 && stdout_is_tty() ?
		error_set(err, ERROR_INVALID, "an archive is nothing for a terminal") : 0;
}

static int download_to(struct cli *cli, const char *url, const char *name, const char *where, struct error *err)
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
		path = t.name[0] ? mem_printf("%s/%s", t.dir, t.name) : mem_printf("%s/%s%s", t.dir, name, packing_suffix(packing_of_file(fd)));
		rc = partial_keep(fd, path, err);
	}
	partial_drop();
	target_clear(&t);
	return rc;
}

int archive_export(struct cli *cli, const char *backups, const char *name, const char *where, const cJSON *request,
		   struct error *err)
{
	AUTO_JSON cJSON *op = client_change(cli->client, "POST", backups, request, NULL, err), *gone = NULL;
	const cJSON *made = cJSON_GetArrayItem(json_arr(json_obj(op, "resources"), "backups"), 0);
	const char *slash = cJSON_IsString(made) ? strrchr(made->valuestring, '/') : NULL;
	AUTO_FREE char *path = slash ? mem_printf("%s%s", backups, slash) : NULL;
	AUTO_FREE char *url = path ? mem_printf("%s/export", path) : NULL;
	struct error ignored = ERROR_INIT;
	int rc;

	if (op && !url)
		error_set(err, ERROR_TOOL, "berthd did not say where the archive is");
	if (!url)
		return -1;
	rc = download_to(cli, url, name, where, err);
	gone = client_change(cli->client, "DELETE", path, NULL, NULL, rc == 0 ? err : &ignored);
	if (!gone || rc < 0)
		return -1;
	if (!cli->quiet && !(where && strcmp(where, "-") == 0))
		puts("Backup exported successfully!");
	return 0;
}

int archive_open(const char *file, struct error *err)
{
	int fd = strcmp(file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", file);
	if (!isatty(fd))
		return fd;
	close(fd);
	return error_set(err, ERROR_INVALID, "no archive comes from a terminal");
}
