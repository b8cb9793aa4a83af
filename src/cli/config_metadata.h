/* SPDX-License-Identifier: MIT */
/* `berth config metadata …`, `berth config template …`, `berth config trust …`. */
#ifndef BERTH_CLI_CONFIG_METADATA_H
#define BERTH_CLI_CONFIG_METADATA_H

#include "cli/cli.h"

extern const struct command config_metadata_commands[];
extern const struct command config_template_commands[];
extern const struct command config_trust_commands[];

#endif
