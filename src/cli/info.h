/* SPDX-License-Identifier: MIT */
#ifndef BERTH_CLI_INFO_H
#define BERTH_CLI_INFO_H

#include "cli/cli.h"

/* Prints the server's hardware. */
int info_resources(struct cli *cli, struct error *err);

#endif
