/* SPDX-License-Identifier: MIT */
/* What the files of `berth image` share. */
#ifndef BERTH_CLI_IMAGE_H
#define BERTH_CLI_IMAGE_H

#include "cli/cli.h"
#include "cli/object.h"

/* The fingerprint behind an alias, or ref itself (a fingerprint or its beginning: the server decides). Caller frees. */
char *image_ref_resolve(struct cli *cli, const char *ref, struct error *err);
int image_object(struct cli *cli, const char *ref, struct object *ret, struct error *err);

/* A new alias, or an old one that now means this image. */
int image_alias_point(struct cli *cli, const char *alias, const char *fingerprint, struct error *err);

int image_copy_cmd(struct cli *cli, int argc, char **argv, struct error *err);
int image_refresh_cmd(struct cli *cli, int argc, char **argv, struct error *err);
int image_import_cmd(struct cli *cli, int argc, char **argv, struct error *err);
int image_export_cmd(struct cli *cli, int argc, char **argv, struct error *err);
int image_list_cmd(struct cli *cli, int argc, char **argv, struct error *err);
int image_info_cmd(struct cli *cli, int argc, char **argv, struct error *err);
extern const struct command image_alias_commands[];

#define IMAGE_FINGERPRINT_SHORT 12

#endif
