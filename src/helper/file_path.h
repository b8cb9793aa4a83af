/* SPDX-License-Identifier: MIT */
/*
 * Paths in a tree that is hostile: each is taken from its root folder and never leads out of it, whatever links and
 * ".." are on the way and whoever changes them meanwhile. Paths are absolute and clean: file_path_clean().
 */
#ifndef BERTH_HELPER_FILE_PATH_H
#define BERTH_HELPER_FILE_PATH_H

#include <stdbool.h>

#include "base/error.h"

/* "a//b/./../c/" is "/a/c"; "..", too, stops at the root. Caller frees. */
char *file_path_clean(const char *path);

/* The functions below return -1 with errno. */

/* O_PATH; follow: also a symbolic link at the end. */
int file_path_lookup(int root, const char *path, bool follow);
/* O_PATH of the folder that has it; its name there, "." for the root. Caller frees the name. */
int file_path_parent(int root, const char *path, char **ret_name);
/* The same of what a symbolic link at the end leads to, through as many as it takes; it need not exist. */
int file_path_final(int root, const char *path, char **ret_name);
/* Opens what an O_PATH descriptor stands for anew, with these flags. */
int file_path_reopen(int fd, int flags);
/* What a symbolic link says; caller frees. */
char *file_path_readlink(int parent, const char *name);

/*
 * As LXD's file server words it: 'sftp: "VERB PATH: no space left on device" (SSH_FX_FAILURE)'; ERROR_NOT_FOUND "Not
 * Found" for ENOENT, ERROR_FORBIDDEN for EPERM and EACCES. Returns -1.
 */
int file_path_error(const char *verb, const char *path, int sys, struct error *err);

#endif
