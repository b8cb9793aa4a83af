/* SPDX-License-Identifier: MIT */
/* `berth profile add|remove|assign`: the list of profiles of an instance. */
#ifndef BERTH_CLI_PROFILE_INSTANCE_H
#define BERTH_CLI_PROFILE_INSTANCE_H

#include "cli/cli.h"

int profile_instance_add(struct cli *cli, int argc, char **argv, struct error *err);
int profile_instance_remove(struct cli *cli, int argc, char **argv, struct error *err);
int profile_instance_assign(struct cli *cli, int argc, char **argv, struct error *err);

#endif
