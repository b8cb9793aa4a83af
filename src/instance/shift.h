/* SPDX-License-Identifier: MIT */
/*
 * A changed id map (security.privileged, security.idmap.*, also of a profile) takes effect when the instance starts: until
 * then volatile.idmap.* has the map that its files lie in, "0" for none. Where mounts are mapped there is nothing else to
 * do (raw.idmap never changes a file: helper/rootfs_mount.h); the upper layer of an overlay, and trees of hosts without mapped mounts, get other owners.
 *
 * desired has "shift_to" {"base", "size"} from before the first file is changed until the last one is: one that is found
 * at a start is of a berthd that was killed.
 */
#ifndef BERTH_INSTANCE_SHIFT_H
#define BERTH_INSTANCE_SHIFT_H

#include "instance/work.h"

/* An update of it: checks that desired can have the map that it asks for, and gives it the one of its files. */
int shift_defer(struct berthd *b, const struct instance *inst, cJSON *desired, cJSON *expanded, struct error *err);
/* OP_DONE: its files lie as they should; OP_WAIT: they are being changed, then next. The container does not run. */
enum op_result shift_apply(struct op *op, op_fn next, struct error *err);

#endif
