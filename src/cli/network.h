/* SPDX-License-Identifier: MIT */
/* `berth network …`: what its files share. */
#ifndef BERTH_CLI_NETWORK_H
#define BERTH_CLI_NETWORK_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "cli/cli.h"

extern const struct command network_forward_commands[];

/* "/1.0/networks/NAME" and rest, name with or without "local:"; caller frees. */
char *network_path(const char *name, const char *rest);
/* The NAT bridge, which is meant when no network is named; caller frees; NULL: there is none. */
char *network_default(struct cli *cli, struct error *err);

/*
 * "[PROTO:]LISTEN[:TARGET]" of `forward add`: "tcp:8080:80", "udp:5000-5010", "443", "auto:22", "80,443" to a new
 * {"protocol", "listen_port", "target_port" (if given)}. Ports themselves are checked by berthd.
 */
cJSON *forward_spec_parse(const char *spec, struct error *err);
bool forward_is_address(const char *text); /* of either family */

#endif
