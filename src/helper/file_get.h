/* SPDX-License-Identifier: MIT */
#ifndef BERTH_HELPER_FILE_GET_H
#define BERTH_HELPER_FILE_GET_H

#include "base/error.h"
#include "helper/file_link.h"

/*
 * Tells what is at path, without following a link there: {"status": 200, "type": "file", "directory" or "symlink",
 * "mode", "uid", "gid", "modified", "size"}, then in chunks a file's contents, a folder's names as a JSON array, or where
 * a link leads. "size": of all that follows, -1 when that is not known yet. -1: nothing was told, or the stream was cut.
 */
int file_get(int root, const char *path, struct file_link *l, struct error *err);

#endif
