/* SPDX-License-Identifier: MIT */
#ifndef BERTH_INSTANCE_MOVE_H
#define BERTH_INSTANCE_MOVE_H

#include "instance/instance.h"

/*
 * LXD's InstancePost with "migration": {"pool", "name": "" or a new one, "instance_only": its snapshots are lost}. It
 * must be stopped. "Storage pool not found"
 */
struct op *instance_move(struct berthd *b, const char *name, const cJSON *request, struct error *err);
void move_register(struct op_queue *q);

#endif
