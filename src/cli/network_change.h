/* SPDX-License-Identifier: MIT */
/* What berth network changes: the rows of network.c call these. */
#ifndef BERTH_CLI_NETWORK_CHANGE_H
#define BERTH_CLI_NETWORK_CHANGE_H

#include "cli/cli.h"

int network_run_create(struct cli *cli, int argc, char **argv, struct error *err);
int network_run_attach(struct cli *cli, int argc, char **argv, struct error *err);
int network_run_detach(struct cli *cli, int argc, char **argv, struct error *err);
int network_attach_profile(struct cli *cli, int argc, char **argv, struct error *err);
int network_detach_profile(struct cli *cli, int argc, char **argv, struct error *err);

#endif
