/* SPDX-License-Identifier: MIT */
/* Fields of a tar header block (ustar, GNU, V7). */
#ifndef BERTH_IMAGE_TAR_HEADER_H
#define BERTH_IMAGE_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { TAR_BLOCK = 512 };

/* Octal between blanks, or base 256 when the first bit is set (GNU, star). what: for the message. */
int tar_number(const char *field, size_t len, const char *what, int64_t *ret, struct error *err);
/* The sum of a block's bytes with blanks for the field itself (POSIX pax, ustar interchange format) is what the field says. */
bool tar_checksum_fits(const char *block);

#endif
