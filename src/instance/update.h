/* SPDX-License-Identifier: MIT */
/* Changes of configuration; see instance.h for the entry points of the API. */
#ifndef BERTH_INSTANCE_UPDATE_H
#define BERTH_INSTANCE_UPDATE_H

#include "base/error.h"
#include "berthd.h"
#include "instance/registry.h"
#include "proc/op.h"

/*
 * A change of a profile, in this order: check (every instance that uses it must still be valid), changing (what runs is
 * noted, so that a killed berthd knows at its next start), then the caller stores it, then changed (every instance
 * that uses it gets an update operation of its own).
 */
int instance_profile_check(struct berthd *b, const char *profile, const cJSON *new_profile, struct error *err);
int instance_profile_changing(struct berthd *b, const char *profile, struct error *err);
void instance_profile_changed(struct berthd *b, const char *profile);

/* One that runs with something else than it should gets an update operation. */
void update_bring_in_line(struct berthd *b, struct instance *inst);

enum op_result step_live(struct op *op, struct error *err); /* update_live.c */

void update_register(struct op_queue *q);
void rename_register(struct op_queue *q);

#endif
