/* SPDX-License-Identifier: MIT */
/*
 * Turns what happens to instances into LXD's lifecycle events, whoever caused
 * it, and deletes ephemeral instances that stopped by themselves.
 */
#ifndef BERTH_API_LIFECYCLE_H
#define BERTH_API_LIFECYCLE_H

#include "berthd.h"
#include "proc/op.h"

void lifecycle_start(struct berthd *b);
/* "instance-created" when op ends well; source is copied. op NULL: it could not be started, nothing happens. */
void lifecycle_after(struct berthd *b, struct op *op, const char *action, const char *source);
/* Of a rename, with LXD's context {"old_name"}. */
void lifecycle_after_rename(struct berthd *b, struct op *op, const char *action, const char *source, const char *old_name);
/* The same of the instance of that name. */
void lifecycle_instance(struct berthd *b, struct op *op, const char *action, const char *name);

#endif
