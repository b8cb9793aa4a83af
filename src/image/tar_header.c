/* SPDX-License-Identifier: MIT */
#include "image/tar_header.h"

enum { CHECKSUM_AT = 148, CHECKSUM_LEN = 8 };

static int invalid(const char *what, struct error *err)
{
	return error_set(err, ERROR_INVALID, "a header has an invalid %s field", what);
}

/* Two's complement, big endian; the first bit is the mark, the second the sign. */
static int base256(const unsigned char *f, size_t len, const char *what, int64_t *ret, struct error *err)
{
	bool negative = f[0] & 0x40;
	uint64_t v = negative ? UINT64_MAX : 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (v >> 55 != (negative ? 0x1ff : 0))
			return invalid(what, err);
		v = v << 8 | (i ? f[i] : (negative ? f[0] : f[0] & 0x7f));
	}
	*ret = (int64_t)v;
	return 0;
}

int tar_number(const char *field, size_t len, const char *what, int64_t *ret, struct error *err)
{
	int64_t v = 0;
	size_t i = 0;

	if ((unsigned char)field[0] & 0x80)
		return base256((const unsigned char *)field, len, what, ret, err);
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
		if (v >> 59)
			return invalid(what, err);
		v = v * 8 + (field[i] - '0');
	}
	if (i < len && field[i] != ' ' && field[i] != 0)
		return invalid(what, err);
	*ret = v;
	return 0;
}

bool tar_checksum_fits(const char *block)
{
	struct error ignored = ERROR_INIT;
	int64_t want, sum = CHECKSUM_LEN * ' ';

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_LEN ? 0 : (unsigned char)block[i];
	return tar_number(block + CHECKSUM_AT, CHECKSUM_LEN, "checksum", &want, &ignored) == 0 && want == sum;
}
