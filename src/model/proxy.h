/* SPDX-License-Identifier: MIT */
/* Devices of type proxy, and the program that does what they say. */
#ifndef BERTH_MODEL_PROXY_H
#define BERTH_MODEL_PROXY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/argv.h"

struct proxy_where {
	const char *libexec_dir;
	pid_t pid;         /* init of the instance */
	const char *table; /* for nat: the nftables table of this device, letters, digits and _ */
};
/* The command line of berth-proxy; props are valid. */
void proxy_arguments(const cJSON *props, const struct proxy_where *where, struct argv *ret);
bool proxy_listens_inside(const cJSON *props);

#endif
