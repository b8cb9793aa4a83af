/* SPDX-License-Identifier: MIT */
/* What strangers say in a migration is taken apart by a child that is nobody and can but read and write. */
#ifndef BERTH_HELPER_MIGRATE_CONFINED_H
#define BERTH_HELPER_MIGRATE_CONFINED_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"

typedef cJSON *(*confined_fn)(const void *data, size_t len, struct error *err);

/* What parse makes of these bytes, or its error; ERROR_TOOL: the child died of them. */
cJSON *confined_parse(confined_fn parse, const void *data, size_t len, struct error *err);

#endif
