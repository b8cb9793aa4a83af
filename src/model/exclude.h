/* SPDX-License-Identifier: MIT */
/* Patterns of what a backup leaves out, as they stand in a request or in backups.exclude. */
#ifndef BERTH_MODEL_EXCLUDE_H
#define BERTH_MODEL_EXCLUDE_H

#include <cjson/cJSON.h>

#include "base/error.h"

#define EXCLUDE_MAX 100

/* A path in the instance, of 1 to 500 characters on one line, without '.' and '..'; '*' matches '/' too. */
int exclude_check(const char *pattern, struct error *err);
/* "/var/cache, /var/tmp" as an array; caller frees. Nothing is checked. */
cJSON *exclude_split(const char *text);

#endif
