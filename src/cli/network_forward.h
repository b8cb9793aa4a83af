/* SPDX-License-Identifier: MIT */
/* What berth network forward does with addresses: the rows of network_forward.c call these. */
#ifndef BERTH_CLI_NETWORK_FORWARD_H
#define BERTH_CLI_NETWORK_FORWARD_H

#include "cli/cli.h"

int network_forward_show(struct cli *cli, int argc, char **argv, struct error *err);
int network_forward_create(struct cli *cli, int argc, char **argv, struct error *err);
int network_forward_delete(struct cli *cli, int argc, char **argv, struct error *err);
int network_forward_get(struct cli *cli, int argc, char **argv, struct error *err);
int network_forward_set(struct cli *cli, int argc, char **argv, struct error *err);
int network_forward_unset(struct cli *cli, int argc, char **argv, struct error *err);
int network_forward_edit(struct cli *cli, int argc, char **argv, struct error *err);

extern const struct command network_forward_port_commands[];

#endif
