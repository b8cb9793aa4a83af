/* SPDX-License-Identifier: MIT */
/* Changes of configuration; see instance.h for the entry points of the API. */
#ifndef BERTH_INSTANCE_UPDATE_H
#define BERTH_INSTANCE_UPDATE_H

#include "base/error.h"
#include "berthd.h"
#include "instance/registry.h"
#include "instance/work.h"
#include "proc/op.h"

/*
 * A change of a profile, in this order: check (every instance that uses it must still be valid), changing (what runs is
 * noted, so that a killed berthd knows at its next start), then the caller stores it, then changed (every instance
 * that uses it gets an update operation of its own, of which the callback is told; NULL with err: it could not be started).
 * What an update of one would have failed with, which cannot undo the profile, is "failed" in the operation's metadata.
 */
typedef void (*profile_started_cb)(const char *instance, struct op *op, const struct error *err, void *data);
/* update_profile.c */
int instance_profile_check(struct berthd *b, const char *profile, const cJSON *new_profile, struct error *err);
int instance_profile_changing(struct berthd *b, const char *profile, struct error *err);
void instance_profile_changed(struct berthd *b, const char *profile, profile_started_cb started, void *data);

/* One that runs with something else than it should gets an update operation. */
void update_bring_in_line(struct berthd *b, struct instance *inst);

/*
 * For operations that change what an instance has: note_running, then check what it shall have (and complete it), put it
 * to disk, and step_live, which needs args "was_config" and "was_devices" and leaves what the kernel refused in
 * w->scratch: "pending" (names), "warnings" ("NAME: why"), of devices also "refused" ({NAME: why}). Run once more after what
 * it had was put back, it takes its own changes back.
 */
void update_note_running(struct work *w, const struct instance *inst);
int update_check(struct work *w, const struct instance *inst, cJSON *new_desired, struct error *err);
int update_put(struct work *w, const cJSON *desired, struct error *err);
enum op_result step_live(struct op *op, struct error *err); /* update_live.c */
/* A new device, or a changed disk, that is refused: no reason to wait for a restart, which would fail. Not of a profile. */
bool update_gives_up(const struct work *w, const char *device);

extern const struct op_kind update_kind; /* args: name, change (as of PUT), patch; profile: it comes from one, and may not fail for it */
void update_register(struct op_queue *q);
/* rename.c: may it be called so? Fills args "volumes" for rename_apply(), which makes no half of it its own undo. */
int rename_check(struct work *w, const char *to, struct error *err);
int rename_apply(struct work *w, const char *from, const char *to, struct error *err); /* idempotent */
/* Templates for "rename" wait for its next start. */
int rename_tell_templates(const struct work *w, const char *name, struct error *err);
void rename_register(struct op_queue *q);
void rebuild_register(struct op_queue *q);

#endif
