/* SPDX-License-Identifier: MIT */
/*
 * Quantities as LXD writes them (lxd/shared/units): sizes "512MB" (10^6),
 * "512MiB" (2^20), "1024" (bytes); rates "100Mbit", "1Gbit", "500kbit", bytes
 * forms allowed too; durations "90s", "5m", "2h", "1d", plain seconds.
 */
#ifndef BERTH_BASE_UNITS_H
#define BERTH_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

int units_parse_size(const char *s, uint64_t *ret_bytes, struct error *err);
int units_parse_bitrate(const char *s, uint64_t *ret_bits_per_s, struct error *err);
int units_parse_duration(const char *s, uint64_t *ret_seconds, struct error *err);
int units_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret, struct error *err);
/* "true/1/yes/on", "false/0/no/off", any case, as LXD's IsTrue/IsFalse. */
int units_parse_bool(const char *s, int *ret, struct error *err);

/* "512.00MiB" as `lxc info` prints them. */
void units_format_size(uint64_t bytes, char *buf, size_t size);

#endif
