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
/* The same with a context of one member, which all of LXD's but that of instance-created are; value NULL: none. */
void lifecycle_after_with(struct berthd *b, struct op *op, const char *action, const char *source, const char *key,
			  const char *value);
/* As lifecycle_after() of the instance of that name. Of one that was created the context says in which pool. */
void lifecycle_instance(struct berthd *b, struct op *op, const char *action, const char *name);

#endif
