/* SPDX-License-Identifier: MIT */
/* What the files custom_*.c share. */
#ifndef BERTH_POOL_CUSTOM_WORK_H
#define BERTH_POOL_CUSTOM_WORK_H

#include "pool/custom.h"
#include "pool/pool_private.h"

#define CUSTOM_FILE "volume.json"
#define CUSTOM_SNAPSHOT_FILE "snapshot.json"

/* Of args {"pool","volume","snapshot","mark": names what is half-made}. */
struct custom_work {
	struct berthd *b;
	cJSON *args;
	const char *pool, *name, *snapshot, *driver;
	char *path;  /* the data */
	char *meta;  /* .NAME beside it */
	char *temp;  /* ..new.MARK beside it */
	cJSON *parts; /* trees still to be copied: {"from","to","readonly"} */
};

void *custom_load(void *ctx, cJSON *args, struct error *err);
void custom_unload(void *data);
/* More locks: NULL, or another volume's. args taken. */
struct op *custom_start(struct berthd *b, const struct op_kind *kind, const char *other_lock, cJSON *args_taken,
			struct error *err);
cJSON *custom_args(const char *pool, const char *name); /* with a new mark */
char *custom_lock(const char *pool, const char *name); /* caller frees */

char *custom_snapshot_folder(const char *meta, const char *snapshot); /* of a folder as custom_meta(); caller frees */
char *custom_meta(const struct berthd *b, const char *pool, const char *name); /* caller frees */
cJSON *custom_read(const struct berthd *b, const char *pool, const char *name); /* volume.json, or what stands for none */
int custom_write(const char *meta, const cJSON *volume, struct error *err); /* only description, config, created_at of it */
int custom_find(const struct berthd *b, const char *pool, const char *name, struct error *err);
/* Instances and profiles that have it: [URLs]; running: only instances that run. */
cJSON *custom_users(struct berthd *b, const char *pool, const char *name, bool running);

/* Copies w->parts one after the other; ends the step. */
enum op_result custom_copy_parts(struct op *op, struct error *err);
void custom_add_part(struct custom_work *w, const char *from, const char *to, bool readonly);
/* Undo: w->temp and what is in it; for threads by op_thread(). */
enum op_result step_custom_untemp(struct op *op, struct error *err);
/* Makes w->temp. */
int custom_make_temp(const struct custom_work *w, struct error *err);
/* "size" of the config of a btrfs volume; 0: none */
int custom_apply_size(const struct custom_work *w, const char *path, const cJSON *config, struct error *err);

/*
 * Steps of what makes a new one, of args "config" and "description": its name is free; temp/data gets its size; temp/data
 * and temp/meta become the volume. custom_write_new() makes temp/meta.
 */
enum op_result step_custom_check_new(struct op *op, struct error *err);
enum op_result step_custom_limit_new(struct op *op, struct error *err);
enum op_result step_custom_place_new(struct op *op, struct error *err);
int custom_write_new(const struct custom_work *w, struct error *err);
/* Steps of what puts another tree in place: temp/data gets the volume's size; it becomes the volume, whose tree is temp/old. */
enum op_result step_custom_limit(struct op *op, struct error *err);
enum op_result step_custom_swap(struct op *op, struct error *err);
/* Can this pool keep a volume below a size? */
bool custom_limits(const struct berthd *b, const char *pool);
/* Idempotent: what has been moved already is not there any more. */
int custom_move_if_there(const char *from, const char *to, struct error *err);
/* Makes the folder `to` with the snapshot.json of the folder `from`. */
int custom_copy_notes(const char *from, const char *to, struct error *err);

extern const struct op_kind custom_create_kind, custom_delete_kind, custom_rename_kind, custom_snapshot_create_kind,
	custom_snapshot_delete_kind, custom_snapshot_rename_kind,
	custom_restore_kind, custom_refresh_kind;

#endif
