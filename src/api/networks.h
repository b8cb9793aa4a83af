/* SPDX-License-Identifier: MIT */
#ifndef BERTH_API_NETWORKS_H
#define BERTH_API_NETWORKS_H

#include <stdbool.h>

#include "berthd.h"

bool network_managed(const struct berthd *b, const char *name); /* one of the two bridges of berth.conf */

#endif
