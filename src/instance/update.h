/* SPDX-License-Identifier: MIT */
/* Changes of configuration; see instance.h for the entry points of the API. */
#ifndef BERTH_INSTANCE_UPDATE_H
#define BERTH_INSTANCE_UPDATE_H

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * A profile has changed: every instance that uses it is checked (expanded config
 * must still be valid) and gets an update operation of its own. -1 when an
 * instance could not live with the profile; nothing was started then.
 */
int instance_profile_check(struct berthd *b, const char *profile, const cJSON *new_profile, struct error *err);
int instance_profile_changed(struct berthd *b, const char *profile);

void update_register(struct op_queue *q);
void rename_register(struct op_queue *q);

#endif
