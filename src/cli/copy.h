/* SPDX-License-Identifier: MIT */
#ifndef BERTH_CLI_COPY_H
#define BERTH_CLI_COPY_H

#include "cli/cli.h"

/* A copy that is to take the place of its source, but for its addresses: with its root disk in that pool, ephemeral if the
 * source is, with its snapshots unless instance_only. */
int copy_to_pool(struct cli *cli, const char *from, const char *to, const char *pool, bool instance_only, struct error *err);

#endif
