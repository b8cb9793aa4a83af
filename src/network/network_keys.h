/* SPDX-License-Identifier: MIT */
/*
 * The config keys of networks: which there are for a type, what their values must be, and what berth does not do (refused
 * by name). Errors have LXD's words: Invalid option for network "br0" option "x"; Invalid value for network "br0" option
 * "ipv4.nat": …
 */
#ifndef BERTH_NETWORK_KEYS_H
#define BERTH_NETWORK_KEYS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"

/* "Network interface is too long (maximum 15 characters)" */
int network_check_name(const char *name, struct error *err);
/* ERROR_INVALID "Unknown driver", ERROR_UNSUPPORTED for those of LXD that are not here. */
int network_check_type(const char *type, struct error *err);
/* config: an object of texts, or NULL. ERROR_INVALID, or ERROR_UNSUPPORTED for what LXD would do. */
int network_check_config(const char *name, const char *type, const cJSON *config, struct error *err);
/*
 * A new network's defaults (bridges: ipv4.address and ipv6.address are auto, NAT for those), and addresses instead of
 * "auto": free ones. taken: objects of all other networks, an array. fresh false: only the latter.
 */
int network_fill_config(const char *type, cJSON *config, const cJSON *taken, bool fresh, struct error *err);

/* "a,b, c" word by word: cb returns false to end, which is what this returns then. NULL has no words. */
bool network_each_word(const char *list, bool (*cb)(const char *word, void *data), void *data);

#endif
