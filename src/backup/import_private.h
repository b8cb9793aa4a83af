/* SPDX-License-Identifier: MIT */
/* What the readers of LXD's index.yaml share. */
#ifndef BERTH_BACKUP_IMPORT_PRIVATE_H
#define BERTH_BACKUP_IMPORT_PRIVATE_H

#include <cjson/cJSON.h>

#include "base/error.h"

/* text: LXD's JSON of an id map, "" and [] for none. Sets "shift" ("HOST:INSIDE:SIZE") of v where the files are shifted. */
int import_take_shift(const char *text, cJSON *v, struct error *err);

#endif
