/* SPDX-License-Identifier: MIT */
#include "image/tar_sparse.h"

#include <stdbool.h>
#include <string.h>

#include "image/tar_header.h"

/* Offsets in the old GNU header (tar.h, struct oldgnu_header and sparse_header). */
enum {
	OLD_MAP = 386,
	OLD_MAP_N = 4,
	OLD_MORE = 482,
	OLD_REAL = 483,
	NEXT_MAP_N = 21,
	NEXT_MORE = 504,
	PAIR = 24
};

static int cut_off(struct error *err)
{
	return error_set(err, ERROR_INVALID, "unexpected end of the archive: it is cut off");
}

static int old_pairs(struct tar_sparse *sp, const char *at, unsigned n, struct error *err)
{
	int64_t offset, len;

	for (; n && at[0]; n--, at += PAIR) {
		if (tar_number(at, 12, "sparse map", &offset, err) ||
		    tar_number(at + 12, 12, "sparse map", &len, err))
			return -1;
		if (offset < 0 || len < 0)
			return error_set(err, ERROR_INVALID, "a sparse map has negative numbers");
		if (tar_sparse_add(sp, (uint64_t)offset, (uint64_t)len, err))
			return -1;
	}
	return 0;
}

int tar_sparse_old(struct tar_sparse *sp, const char *header, struct tar_source *source, struct error *err)
{
	char block[TAR_BLOCK];
	bool more = header[OLD_MORE];
	int64_t real;
	ssize_t n;

	sp->on = true;
	if (tar_number(header + OLD_REAL, 12, "real size", &real, err))
		return -1;
	if (real < 0)
		return error_set(err, ERROR_INVALID, "a sparse file has a negative size");
	sp->real_size = (uint64_t)real;
	sp->real_size_set = true;
	if (old_pairs(sp, header + OLD_MAP, OLD_MAP_N, err))
		return -1;
	for (; more; more = block[NEXT_MORE]) {
		n = tar_source_read(source, block, sizeof(block), err);
		if (n < 0)
			return -1;
		if (n < TAR_BLOCK)
			return cut_off(err);
		if (!block[0])
			return error_set(err, ERROR_INVALID, "a sparse map goes on with an empty block");
		if (old_pairs(sp, block, NEXT_MAP_N, err))
			return -1;
	}
	return 0;
}

/* Lines of decimal numbers, read block by block. */
struct lines {
	struct tar_source *source;
	uint64_t *left;
	char block[TAR_BLOCK];
	size_t pos;
};

static int next_number(struct lines *l, uint64_t *ret, struct error *err)
{
	char digits[20];
	size_t n = 0;
	ssize_t got;

	for (;; l->pos++) {
		if (l->pos == TAR_BLOCK) {
			if (*l->left < TAR_BLOCK)
				return error_set(err, ERROR_INVALID, "a sparse map is longer than its file");
			got = tar_source_read(l->source, l->block, TAR_BLOCK, err);
			if (got < 0)
				return -1;
			if (got < TAR_BLOCK)
				return cut_off(err);
			*l->left -= TAR_BLOCK;
			l->pos = 0;
		}
		if (l->block[l->pos] == '\n')
			break;
		if (n == sizeof(digits))
			return error_set(err, ERROR_INVALID, "a sparse map is malformed");
		digits[n++] = l->block[l->pos];
	}
	l->pos++;
	if (tar_parse_decimal(digits, n, INT64_MAX, ret))
		return error_set(err, ERROR_INVALID, "a sparse map is malformed");
	return 0;
}

int tar_sparse_in_data(struct tar_sparse *sp, struct tar_source *source, uint64_t *left, struct error *err)
{
	struct lines l = { .source = source, .left = left, .pos = TAR_BLOCK };
	uint64_t n, offset, len;

	if (sp->n)
		return error_set(err, ERROR_INVALID, "a sparse file has two maps");
	if (next_number(&l, &n, err))
		return -1;
	/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): next_number() set it */
	for (; n; n--) {
		if (next_number(&l, &offset, err) || next_number(&l, &len, err) ||
		    tar_sparse_add(sp, offset, len, err))
			return -1;
	}
	return 0;
}

int tar_sparse_check(const struct tar_sparse *sp, uint64_t stored, struct error *err)
{
	uint64_t end = 0, sum = 0;
	size_t i;

	if (!sp->real_size_set || sp->major > 1 || sp->minor > 1)
		return error_set(err, ERROR_INVALID, "its sparse map is of an unknown format");
	for (i = 0; i < sp->n; i++) {
		if (sp->map[i].offset < end ||
		    __builtin_add_overflow(sp->map[i].offset, sp->map[i].len, &end) || end > sp->real_size)
			return error_set(err, ERROR_INVALID,
					 "its sparse map is not in order within its size");
		sum += sp->map[i].len;
	}
	if (sum != stored)
		return error_set(err, ERROR_INVALID, "its sparse map does not fit its data");
	return 0;
}
