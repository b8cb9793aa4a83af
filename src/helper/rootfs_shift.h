/* SPDX-License-Identifier: MIT */
/*
 * Gives the files of an instance that does not run to another id map, in place. May be cut short at any point and run
 * again, also towards the old map: what has an id of the new one is left as it is. So the two must not overlap.
 */
#ifndef BERTH_HELPER_ROOTFS_SHIFT_H
#define BERTH_HELPER_ROOTFS_SHIFT_H

#include "helper/rootfs_idmap.h"

/*
 * tree: INSTANCE_DIR/upper or /rootfs. Owners, ids in ACLs and in file capabilities; setuid bits stay. Of a map "none"
 * as many ids count as the other has. Ids outside of the old map stay. Durable when it returns 0.
 */
int rootfs_shift(const char *tree, const struct idmap *from, const struct idmap *to, struct error *err);

#endif
