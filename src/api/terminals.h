/* SPDX-License-Identifier: MIT */
/* POST /1.0/instances/NAME/terminal, and /1.0/terminals. */
#ifndef BERTH_API_TERMINALS_H
#define BERTH_API_TERMINALS_H

#include <cjson/cJSON.h>

#include "berthd.h"

/* For terminals_new(): sends the event. */
void terminal_opened(struct berthd *b, const char *action, const char *instance, cJSON *context_taken);

#endif
