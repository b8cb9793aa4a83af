/* SPDX-License-Identifier: MIT */
/* What berth network changes: the rows of network.c call these. */
#ifndef BERTH_CLI_NETWORK_CHANGE_H
#define BERTH_CLI_NETWORK_CHANGE_H

#include "cli/cli.h"

int network_create(struct cli *cli, int argc, char **argv, struct error *err);
int network_delete(struct cli *cli, int argc, char **argv, struct error *err);
int network_rename(struct cli *cli, int argc, char **argv, struct error *err);
int network_edit(struct cli *cli, int argc, char **argv, struct error *err);
int network_get(struct cli *cli, int argc, char **argv, struct error *err);
int network_set(struct cli *cli, int argc, char **argv, struct error *err);
int network_unset(struct cli *cli, int argc, char **argv, struct error *err);
int network_attach(struct cli *cli, int argc, char **argv, struct error *err);
int network_detach(struct cli *cli, int argc, char **argv, struct error *err);
int network_attach_profile(struct cli *cli, int argc, char **argv, struct error *err);
int network_detach_profile(struct cli *cli, int argc, char **argv, struct error *err);

#endif
