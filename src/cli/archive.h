/* SPDX-License-Identifier: MIT */
/* Archives in LXD's format, of instances and of volumes: berthd makes one and keeps it until it has been fetched. */
#ifndef BERTH_CLI_ARCHIVE_H
#define BERTH_CLI_ARCHIVE_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "cli/cli.h"

/* The options of an export: --compression, --`only` ("instance-only": without snapshots), and lxc's --optimized-storage. */
struct archive_options {
	const char *compression; /* "" when not given */
	bool only;
};
int archive_getopt(struct cli *cli, int argc, char **argv, const char *only, struct archive_options *ret); /* or CLI_USAGE */

/* What is asked for, to be completed: a name of berthd's choice, and to be gone after a day. */
cJSON *archive_request(const char *compression);
/* Is it one for a terminal? -1 with err. */
int archive_check_target(const char *where, struct error *err);
/*
 * POST of the request to `backups` ("/1.0/instances/c1/backups"), download, DELETE. where: NULL for NAME.tar.gz (or how it is
 * packed) in the working directory, a folder, a file, or "-". Says so when done.
 */
int archive_export(struct cli *cli, const char *backups, const char *name, const char *where, const cJSON *request,
		   struct error *err);
/* A file, or "-"; -1 with err. */
int archive_open(const char *file, struct error *err);

#endif
