/* SPDX-License-Identifier: MIT */
/* `berth config device …` and `berth profile device …`: the same code on another kind of object. */
#ifndef BERTH_CLI_CONFIG_DEVICE_H
#define BERTH_CLI_CONFIG_DEVICE_H

#include "cli/cli.h"

extern const struct command config_device_commands[], profile_device_commands[];

#endif
