/* SPDX-License-Identifier: MIT */
/* berth backup restore and berth backup extract. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/backup.h"
#include "cli/instance.h"

/* The newest good one of the instance; caller frees. */
static char *latest(struct cli *cli, const char *name, struct error *err)
{
	AUTO_JSON cJSON *all = client_get(cli->client, "/1.0/backups?recursion=1", NULL, err);
	const cJSON *item, *found = NULL;

	if (!all)
		return NULL;
	cJSON_ArrayForEach(item, all) {
		if (!strcmp(json_str_or(item, "instance", ""), name) && !strcmp(json_str_or(item, "state", ""), "ok") &&
		    (!found || strcmp(json_str_or(item, "created_at", ""), json_str_or(found, "created_at", "")) > 0))
			found = item;
	}
	if (!found) {
		error_set(err, ERROR_NOT_FOUND, "'%s' has no backup that is whole", name);
		return NULL;
	}
	return mem_strdup(json_str_or(found, "file", ""));
}

/* "latest", a file with or without its ending, or what stands behind the instance's name in one: 20261122090000. */
static char *file_of(struct cli *cli, const char *name, const char *backup, struct error *err)
{
	AUTO_FREE char *whole = NULL;

	if (!strcmp(backup, "latest"))
		return latest(cli, name, err);
	if (strlen(backup) == strspn(backup, "0123456789"))
		return backup_file_of(whole = mem_printf("%s-%s", name, backup));
	return backup_file_of(backup);
}

/* ---- restore */

enum { OPT_NAME = 1, OPT_START, OPT_NO_START, OPT_FORCE, OPT_TIMEOUT };

static const struct option restore_options[] = {
	{ "name", required_argument, NULL, OPT_NAME },	   { "start", no_argument, NULL, OPT_START },
	{ "no-start", no_argument, NULL, OPT_NO_START },   { "force", no_argument, NULL, OPT_FORCE },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT }, { 0 },
};

static int take_option(struct cli *cli, cJSON *body, int opt)
{
	char *end;
	long seconds;

	switch (opt) {
	case OPT_NAME:
		json_set_str(body, "new_name", instance_local(optarg));
		return 0;
	case OPT_START:
	case OPT_NO_START:
		json_set_bool(body, "start", opt == OPT_START);
		return 0;
	case OPT_FORCE:
		json_set_bool(body, "force", true);
		return 0;
	case OPT_TIMEOUT:
		seconds = strtol(optarg, &end, 10);
		if (!*optarg || *end || seconds < 0 || seconds > 86400)
			return cli_usage(cli, "'%s' is no number of seconds up to 86400", optarg);
		json_set_int(body, "timeout", seconds);
		return 0;
	default:
		return CLI_USAGE;
	}
}

int backup_restore_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;
	AUTO_FREE char *file = NULL, *path = NULL;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "", restore_options)) != -1) {
		rc = take_option(cli, body, opt);
		if (rc != 0)
			return rc;
	}
	rc = cli_argc(cli, argc, 2, 2);
	if (rc != 0)
		return rc;
	json_set_str(body, "instance", instance_local(argv[optind]));
	file = file_of(cli, instance_local(argv[optind]), argv[optind + 1], err);
	if (!file)
		return -1;
	path = backup_path_of(file, "/restore");
	op = client_change(cli->client, "POST", path, body, NULL, err);
	return op ? 0 : -1;
}

/* ---- extract */

/* A new file, or stdout for "-". */
static int open_target(const char *target, struct error *err)
{
	int fd;

	if (!strcmp(target, "-"))
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		error_set(err, ERROR_CONFLICT, "'%s' is there already", target);
	else if (fd < 0)
		error_sys(err, errno, "cannot write '%s'", target);
	return fd;
}

/* Only the bits of a mode that are no more than who runs this could give: no setuid, no device. */
static int finish_target(int fd, const char *target, const struct download_info *info, struct error *err)
{
	if (!strcmp(target, "-"))
		return 0;
	if (!strcmp(info->type, "file") && fchmod(fd, info->mode & 0777) < 0)
		return error_sys(err, errno, "cannot set the mode of '%s'", target);
	return 0;
}

static int show_link(const char *target, const char *path, struct error *err)
{
	char text[4097];
	AUTO_CLOSE int fd = open(target, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return error_sys(err, errno, "cannot read '%s'", target);
	text[n] = 0;
	unlink(target);
	text_print(stdout, path);
	fputs(" -> ", stdout);
	text_print(stdout, text);
	putchar('\n');
	return 0;
}

static int extract_to(struct cli *cli, const char *url, const char *path, const char *target, struct error *err)
{
	struct download_info info = { "", 0 };
	AUTO_CLOSE int fd = open_target(target, err);

	if (fd < 0)
		return -1;
	if (client_download_info(cli->client, url, fd, &info, err) < 0 || finish_target(fd, target, &info, err) < 0) {
		if (strcmp(target, "-") != 0)
			unlink(target);
		return -1;
	}
	if (!strcmp(info.type, "symlink") && strcmp(target, "-") != 0)
		return show_link(target, path, err);
	if (!strcmp(info.type, "directory") && strcmp(target, "-") != 0 && !cli->quiet)
		printf("'%s' is a folder: '%s' is a tar archive of it\n", path, target);
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int backup_extract_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *file = NULL, *escaped = NULL, *suffix = NULL, *url = NULL;
	AUTO_FREE char *inside = NULL;
	const char *target;
	struct stat st;
	int rc = cli_args(cli, &argc, &argv, 3, 4);

	if (rc != 0)
		return rc;
	target = argc > 3 ? argv[3] : base_name(argv[2]);
	if (!*target)
		return cli_usage(cli, "where to? '%s' ends in no name", argv[2]);
	if (argc > 3 && stat(target, &st) == 0 && S_ISDIR(st.st_mode)) { /* as cp does */
		if (!*base_name(argv[2]))
			return cli_usage(cli, "'%s' is a folder, and '%s' ends in no name", target, argv[2]);
		target = inside = mem_printf("%s/%s", target, base_name(argv[2]));
	}
	file = file_of(cli, instance_local(argv[0]), argv[1], err);
	if (!file)
		return -1;
	escaped = client_escape(argv[2]);
	suffix = mem_printf("/files?path=%s", escaped);
	url = backup_path_of(file, suffix);
	return extract_to(cli, url, argv[2], target, err);
}
