/* SPDX-License-Identifier: MIT */
/* What the commands of `berth backup` share. */
#ifndef BERTH_CLI_BACKUP_H
#define BERTH_CLI_BACKUP_H

#include "base/error.h"
#include "cli/cli.h"

/* "c1-20261122090000", with or without ".7z": the file's name; caller frees. */
char *backup_file_of(const char *arg);
/* "/1.0/backups/FILE" and suffix; caller frees. */
char *backup_path_of(const char *arg, const char *suffix);

int backup_create_cmd(struct cli *cli, int argc, char **argv, struct error *err);
/* backup_restore.c */
int backup_restore_cmd(struct cli *cli, int argc, char **argv, struct error *err);
int backup_extract_cmd(struct cli *cli, int argc, char **argv, struct error *err);
int backup_prune_cmd(struct cli *cli, int argc, char **argv, struct error *err);

#endif
