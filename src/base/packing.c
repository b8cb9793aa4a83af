/* SPDX-License-Identifier: MIT */
#include "base/packing.h"

#include <string.h>
#include <unistd.h>

static const struct {
	enum packing packing;
	const char *magic;
	size_t len;
} magics[] = {
	{ PACKING_GZIP, "\x1f\x8b", 2 },
	{ PACKING_XZ, "\xfd" "7zXZ", 6 },
	{ PACKING_ZSTD, "\x28\xb5\x2f\xfd", 4 },
	{ PACKING_ZSTD, "\x50\x2a\x4d\x18", 4 }, /* pzstd starts with a skippable frame */
	{ PACKING_BZIP2, "BZh", 3 },
	{ PACKING_LZMA, "\x5d\0\0", 3 },
	{ PACKING_SQUASHFS, "hsqs", 4 },
	{ PACKING_LZIP, "LZIP", 4 },
	{ PACKING_LZ4, "\x04\x22\x4d\x18", 4 },
	{ PACKING_COMPRESS, "\x1f\x9d", 2 },
	{ PACKING_ZIP, "PK\3\4", 4 },
	{ PACKING_7Z, "7z\xbc\xaf\x27\x1c", 6 },
};

static const struct {
	const char *name, *suffix;
} words[] = {
	[PACKING_NONE] = { "none", ".tar" },
	[PACKING_GZIP] = { "gzip", ".tar.gz" },
	[PACKING_XZ] = { "xz", ".tar.xz" },
	[PACKING_ZSTD] = { "zstd", ".tar.zst" },
	[PACKING_BZIP2] = { "bzip2", ".tar.bz2" },
	[PACKING_LZMA] = { "lzma", ".tar.lzma" },
	[PACKING_SQUASHFS] = { "squashfs", ".squashfs" },
	[PACKING_LZIP] = { "lzip", ".tar" },
	[PACKING_LZ4] = { "lz4", ".tar" },
	[PACKING_COMPRESS] = { "compress", ".tar" },
	[PACKING_ZIP] = { "zip", ".tar" },
	[PACKING_7Z] = { "7z", ".tar" },
};

enum packing packing_of(const void *head, size_t len)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (len >= magics[i].len && memcmp(head, magics[i].magic, magics[i].len) == 0)
			return magics[i].packing;
	return PACKING_NONE;
}

enum packing packing_of_file(int fd)
{
	char head[PACKING_HEAD];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	return n > 0 ? packing_of(head, (size_t)n) : PACKING_NONE;
}

const char *packing_name(enum packing p)
{
	return words[p].name;
}

const char *packing_suffix(enum packing p)
{
	return words[p].suffix;
}
