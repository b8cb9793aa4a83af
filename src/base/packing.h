/* SPDX-License-Identifier: MIT */
/* How a file is packed, by its first bytes. */
#ifndef BERTH_BASE_PACKING_H
#define BERTH_BASE_PACKING_H

#include <stddef.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_XZ, PACKING_ZSTD, PACKING_BZIP2, PACKING_LZMA, PACKING_SQUASHFS,
	       PACKING_LZIP, PACKING_LZ4, PACKING_COMPRESS, PACKING_ZIP, PACKING_7Z };

enum { PACKING_HEAD = 6 }; /* so many bytes are enough; less are looked at as far as they go */

/* PACKING_NONE also of what is no archive at all. */
enum packing packing_of(const void *head, size_t len);
enum packing packing_of_file(int fd); /* at its beginning, wherever it is read now; PACKING_NONE if it cannot be read */
const char *packing_name(enum packing p);   /* "gzip"; "none" */
/* What clients put behind the name of such a file: ".tar.gz", ".squashfs"; ".tar" of none and of those that have no such. */
const char *packing_suffix(enum packing p);

#endif
