/* SPDX-License-Identifier: MIT */
#ifndef BERTH_CLI_HOST_H
#define BERTH_CLI_HOST_H

#include "cli/cli.h"

/* berth host call: prints the answer as JSON; exit status 1 when it says that it failed. */
int host_call_run(struct cli *cli, int argc, char **argv, struct error *err);

#endif
