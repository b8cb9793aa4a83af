/* SPDX-License-Identifier: MIT */
/* What the files of volumes share; see volume.h. */
#ifndef BERTH_INSTANCE_VOLUME_WORK_H
#define BERTH_INSTANCE_VOLUME_WORK_H

#include "instance/volume.h"
#include "instance/work.h"

/* Is source (of a disk device) this volume, exactly? */
bool volume_is_source(const struct berthd *b, const char *source, const char *owner, const char *name);
/* OWNER and VOLUME of a source below extern_path; false for any other. Callers free both. */
bool volume_of_source(const struct berthd *b, const char *source, char **ret_owner, char **ret_name);
/* Is it there? A link or a file in its place is an error, not a volume. 1, 0 or -1. */
int volume_exists(const struct berthd *b, const char *owner, const char *name, struct error *err);
/* Before it is made: does the default pool's list have another one as OWNER_NAME? ERROR_CONFLICT */
int volume_check_free(const struct berthd *b, const char *owner, const char *name, struct error *err);
/* Does a disk device's source show what lies in the folder, or a part? One above extern_path is no use of volumes. */
bool volume_touches(const struct berthd *b, const char *source, const char *folder);
/* Every disk device that has a source, of every instance: [{"instance","device","path","readonly","source"}]. Takes a look at
 * each instance: once for many volumes. */
cJSON *volume_disks(struct berthd *b);
cJSON *volume_users_of(struct berthd *b, const char *folder); /* those that touch it */
cJSON *volume_users(struct berthd *b, const char *owner, const char *name); /* the same of a volume, without "source" */

/* Makes the folder; w is of the owner. What it made before it failed is left to volume_unmake(). */
int volume_make(const struct work *w, const char *name, struct error *err);
void volume_unmake(const struct berthd *b, const char *owner, const char *name); /* only if empty */

/* args {"name": instance, "owner", "volume", …}, taken; locks both. */
struct op *volume_start(struct berthd *b, const struct op_kind *kind, cJSON *args_taken, struct error *err);

/* The steps of taking a volume's device (args "device", none: nothing to do) from an instance; attach.c */
int volume_note_device(struct work *w, const struct instance *inst, const char *device, struct error *err);
enum op_result step_volume_detach(struct op *op, struct error *err);
enum op_result step_volume_restore(struct op *op, struct error *err); /* undo, also of an attachment */
enum op_result step_volume_live(struct op *op, struct error *err);
enum op_result step_volume_verify(struct op *op, struct error *err); /* the running container took it */

extern const struct op_kind volume_attach_kind, volume_detach_kind;

#endif
