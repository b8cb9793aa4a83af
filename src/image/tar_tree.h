/* SPDX-License-Identifier: MIT */
/*
 * The rules of the tree that an archive builds, entry by entry: what an earlier
 * entry made is remembered, so that no entry can reach through a link, replace
 * one, or link to what is not there. Whatever passes can be unpacked in order
 * by any tool with one outcome, below the folder it is given.
 */
#ifndef BERTH_IMAGE_TAR_TREE_H
#define BERTH_IMAGE_TAR_TREE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "image/tar_reader.h"

/* "./usr//bin/" -> "usr/bin", "." -> "". Refused: absolute names, "..", control characters, more than 4095
 * bytes, a component longer than 255. */
int tar_canonical_name(const char *raw, struct strbuf *out, struct error *err);

/* The same for backups: control characters are as good as any in a file's name. */
int tar_canonical_path(const char *raw, struct strbuf *out, struct error *err);

struct tar_tree;

struct tar_tree *tar_tree_new(void);
void tar_tree_free(struct tar_tree *t);
/* name and, for a hard link, target are canonical; name is changed and restored meanwhile.
 * 0: pass it on, 1: leave it out (a hard link to itself), -1: refused. */
int tar_tree_add(struct tar_tree *t, enum tar_type type, char *name, const char *target, struct error *err);
/* What was added, no folder nor file, is not passed on: nor may be a hard link to it. */
void tar_tree_leave_out(struct tar_tree *t, const char *name);
bool tar_tree_left_out(const struct tar_tree *t, const char *name);

#endif
