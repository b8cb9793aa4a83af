/* SPDX-License-Identifier: MIT */
/* The tools that LXD's compression_algorithm names, as command lines. */
#ifndef BERTH_BACKUP_COMPRESSOR_H
#define BERTH_BACKUP_COMPRESSOR_H

#include "base/argv.h"
#include "base/error.h"

/*
 * algorithm: "none", "bzip2", "gzip", "lzma", "pigz", "xz", "zstd", "squashfs" (or "tar2sqfs"), with a level
 * or such behind it: "zstd -19 -T0". Pushes a tool that compresses its stdin to its stdout, nothing for "none"; squashfs
 * is made of a tar stream, and into `path`, which is replaced. ERROR_INVALID: there is no such algorithm or option;
 * ERROR_UNSUPPORTED: the tool is not installed.
 */
int compressor_argv(const char *algorithm, const char *path, struct argv *argv, struct error *err);

#endif
