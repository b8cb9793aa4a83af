/* SPDX-License-Identifier: MIT */
/* What LXD asks of a network's forwards: words of its own, and that targets lie in the network. Pure. */
#ifndef BERTH_NETWORK_NETWORK_FORWARD_H
#define BERTH_NETWORK_NETWORK_FORWARD_H

#include <cjson/cJSON.h>

#include "base/error.h"

/*
 * forward: LXD's NetworkForwardPut, of any shape; what is of the wrong type is left to forward_network_put(), as is a
 * listen address that is none. network: its object, or NULL (one of berth.conf): then targets may lie anywhere.
 */
int network_check_forward(const cJSON *network, const char *listen, const cJSON *forward, struct error *err);

#endif
