/* SPDX-License-Identifier: MIT */
/*
 * The tree of an instance or a snapshot as a tar stream. Whatever reads it runs in a user namespace with its ids, at the
 * root of a read-only view without submounts (berth-rootfs enter).
 */
#ifndef BERTH_BACKUP_TREE_H
#define BERTH_BACKUP_TREE_H

#include <cjson/cJSON.h>

#include "base/argv.h"
#include "berthd.h"

struct tree {
	struct berthd *b;
	const char *dir;      /* holds upper/ or rootfs/ */
	const cJSON *desired; /* berth.json of the instance, or of the snapshot, which has the idmap_base of then */
};

/* What goes before a command. */
void tree_push_enter(const struct tree *t, struct argv *argv);
/* The same and "tar --create --file=-", numeric ids as the container sees them; what to put into it is to follow. */
void tree_push_tar(const struct tree *t, struct argv *argv);

#endif
