/* SPDX-License-Identifier: MIT */
/* The operation kind, for recovery. */
#ifndef BERTH_INSTANCE_DELETE_H
#define BERTH_INSTANCE_DELETE_H

#include "proc/op.h"

void delete_register(struct op_queue *q);

#endif
