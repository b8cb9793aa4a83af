/* SPDX-License-Identifier: MIT */
/* `berth storage volume …`: what its files share. */
#ifndef BERTH_CLI_STORAGE_H
#define BERTH_CLI_STORAGE_H

#include "cli/cli.h"
#include "cli/object.h"

extern const struct command storage_volume_commands[];

/*
 * A volume as the user writes it: pool and "[TYPE/]VOLUME[/SNAPSHOT]", TYPE custom, container, virtual-machine or image,
 * custom unless given. A new string for object_init(), NULL with err when it is none; *ret_kind: which kind of object.
 */
char *volume_object_name(const char *pool, const char *volume, const struct object_kind **ret_kind, struct error *err);
/* The same of "POOL/VOLUME[/SNAPSHOT]", as copy and move have it. */
char *volume_object_place(const char *place, const struct object_kind **ret_kind, struct error *err);

int volume_create_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_delete_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_rename_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_copy_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_move_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_snapshot_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_restore_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_export_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_import_command(struct cli *cli, int argc, char **argv, struct error *err);
int volume_attach_command(struct cli *cli, int argc, char **argv, struct error *err); /* of an instance; */
int volume_detach_command(struct cli *cli, int argc, char **argv, struct error *err); /* of a profile in …-profile */

#endif
