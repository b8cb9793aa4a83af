/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

#define KILO 1000ull
#define KIBI 1024ull

static const struct unit sizes[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "kB", KILO },
	{ "MB", KILO * KILO },
	{ "GB", KILO * KILO * KILO },
	{ "TB", KILO * KILO * KILO * KILO },
	{ "PB", KILO * KILO * KILO * KILO * KILO },
	{ "EB", KILO * KILO * KILO * KILO * KILO * KILO },
	{ "KiB", KIBI },
	{ "MiB", KIBI * KIBI },
	{ "GiB", KIBI * KIBI * KIBI },
	{ "TiB", KIBI * KIBI * KIBI * KIBI },
	{ "PiB", KIBI * KIBI * KIBI * KIBI * KIBI },
	{ "EiB", KIBI * KIBI * KIBI * KIBI * KIBI * KIBI },
	{ NULL, 0 },
};

static const struct unit bitrates[] = {
	{ "", 1 },
	{ "bit", 1 },
	{ "kbit", KILO },
	{ "Mbit", KILO * KILO },
	{ "Gbit", KILO * KILO * KILO },
	{ "Tbit", KILO * KILO * KILO * KILO },
	{ "Pbit", KILO * KILO * KILO * KILO * KILO },
	{ "Ebit", KILO * KILO * KILO * KILO * KILO * KILO },
	{ "Kibit", KIBI },
	{ "Mibit", KIBI * KIBI },
	{ "Gibit", KIBI * KIBI * KIBI },
	{ "Tibit", KIBI * KIBI * KIBI * KIBI },
	{ "Pibit", KIBI * KIBI * KIBI * KIBI * KIBI },
	{ "Eibit", KIBI * KIBI * KIBI * KIBI * KIBI * KIBI },
	{ "B", 8 },
	{ "kB", 8 * KILO },
	{ "MB", 8 * KILO * KILO },
	{ "GB", 8 * KILO * KILO * KILO },
	{ "TB", 8 * KILO * KILO * KILO * KILO },
	{ "KiB", 8 * KIBI },
	{ "MiB", 8 * KIBI * KIBI },
	{ "GiB", 8 * KIBI * KIBI * KIBI },
	{ "TiB", 8 * KIBI * KIBI * KIBI * KIBI },
	{ NULL, 0 },
};

static const struct unit durations[] = {
	{ "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { NULL, 0 },
};

/* Decimal digits from the front; the rest is left at *ret_rest. */
static bool parse_digits(const char *s, uint64_t *ret, const char **ret_rest)
{
	uint64_t value = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	*ret = value;
	*ret_rest = p;
	return p > s;
}

/* Results are used as int64_t by callers and on the wire: that is the limit. */
static int parse_unit(const char *s, const struct unit *table, const char *what, const char *examples,
		      uint64_t *ret, struct error *err)
{
	const struct unit *u;
	const char *rest = "";
	uint64_t value;

	if (!parse_digits(s, &value, &rest))
		return error_set(err, ERROR_INVALID,
				 "invalid %s '%.64s': a number with a unit is expected, such as %s", what, s,
				 examples);
	for (u = table; u->suffix; u++)
		if (strcmp(u->suffix, rest) == 0)
			break;
	if (!u->suffix)
		return error_set(err, ERROR_INVALID,
				 "invalid %s '%.64s': unknown unit '%.64s', write it as %s", what, s, rest,
				 examples);
	if (__builtin_mul_overflow(value, u->factor, &value) || value > INT64_MAX)
		return error_set(err, ERROR_INVALID, "invalid %s '%.64s': the value is too large", what, s);
	*ret = value;
	return 0;
}

int units_parse_size(const char *s, uint64_t *ret_bytes, struct error *err)
{
	return parse_unit(s, sizes, "size", "512MiB or 2GB", ret_bytes, err);
}

int units_parse_bitrate(const char *s, uint64_t *ret_bits_per_s, struct error *err)
{
	return parse_unit(s, bitrates, "rate", "100Mbit or 1Gbit", ret_bits_per_s, err);
}

int units_parse_duration(const char *s, uint64_t *ret_seconds, struct error *err)
{
	return parse_unit(s, durations, "duration", "90s, 5m or 2h", ret_seconds, err);
}

int units_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
	bool negative = *s == '-';
	const char *rest = "";
	uint64_t value;
	int64_t v;

	if (!parse_digits(s + negative, &value, &rest) || *rest) {
		return error_set(err, ERROR_INVALID,
				 "invalid number '%.64s': a whole number from %lld to %lld is expected", s,
				 (long long)min, (long long)max);
	}
	if (value > (uint64_t)INT64_MAX)
		goto range;
	v = negative ? -(int64_t)value : (int64_t)value;
	if (v < min || v > max)
		goto range;
	*ret = v;
	return 0;
range:
	return error_set(err, ERROR_INVALID, "number %.64s is out of range: it must be from %lld to %lld", s,
			 (long long)min, (long long)max);
}

int units_parse_bool(const char *s, int *ret, struct error *err)
{
	static const char *const words[][4] = { { "false", "0", "no", "off" }, { "true", "1", "yes", "on" } };
	int value, i;

	for (value = 0; value < 2; value++) {
		for (i = 0; i < 4; i++) {
			if (strcasecmp(s, words[value][i]) == 0) {
				*ret = value;
				return 0;
			}
		}
	}
	return error_set(err, ERROR_INVALID, "invalid value '%.64s': true or false is expected", s);
}

/* As shared/units GetByteSizeStringIEC(value, 2). */
void units_format_size(uint64_t bytes, char *buf, size_t size)
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, size, "%dB", (int)bytes);
		return;
	}
	while (value >= 1024 && i < sizeof(names) / sizeof(names[0]) - 1) {
		value /= 1024;
		i++;
	}
	snprintf(buf, size, "%.2f%s", value, names[i]);
}
