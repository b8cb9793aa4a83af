/* SPDX-License-Identifier: MIT */
/* The parts of a launch that differ when the source is another instance; see create.c. */
#ifndef BERTH_INSTANCE_COPY_H
#define BERTH_INSTANCE_COPY_H

#include "instance/work.h"

bool copy_is(const struct work *w);
/* Fills args from source {"type":"copy","source":"NAME"}; config and devices of the request win over the source's. */
int copy_take(struct berthd *b, const cJSON *request, cJSON *args, struct error *err);
int copy_check(struct work *w, struct error *err);
/* A running source is frozen while its files are copied. */
enum op_result copy_tree(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err);
enum op_result copy_thaw(struct op *op, struct error *err); /* undo of copy_tree; the tree goes with the folder */
/* snapshot_copy.c: those of the source, unless a snapshot is copied, or somebody said instance_only */
enum op_result step_copy_snapshots(struct op *op, struct error *err);

void create_register(struct op_queue *q);

#endif
