/* SPDX-License-Identifier: MIT */
/*
 * Which of an instance's backups are kept: the newest `last`, and of each of the most recent `daily` days that have any
 * (host's local time), `weekly` weeks (ISO 8601, from Monday) and `monthly` months, the newest. What no rule wants goes; the newest
 * of all never does. No rule at all: everything is kept.
 */
#ifndef BERTH_MODEL_RETENTION_H
#define BERTH_MODEL_RETENTION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"

#define RETENTION_MAX 10000

struct retention {
	int last, daily, weekly, monthly; /* 0: no such rule */
};

/* {"last":3,…}; other members, and numbers outside 0-RETENTION_MAX, are refused. NULL: no rule. */
int retention_from_json(const cJSON *v, struct retention *ret, struct error *err);
/* "last=3,daily=7,weekly=4,monthly=12"; caller frees the object for retention_from_json(). */
cJSON *retention_parse(const char *text, struct error *err);
/* times: newest first; keep[i] is set. */
void retention_apply(const struct retention *r, const time_t *times, size_t n, bool *keep);

#endif
