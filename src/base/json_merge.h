/* SPDX-License-Identifier: MIT */
#ifndef BERTH_BASE_JSON_MERGE_H
#define BERTH_BASE_JSON_MERGE_H

#include <cjson/cJSON.h>

/* Copies of the members of from: in the places of those of the same names, the others at the end. Quick, however many there are. */
void json_merge(cJSON *into, const cJSON *from);

#endif
