/* SPDX-License-Identifier: MIT */
/* What the files custom_*.c share. */
#ifndef BERTH_POOL_CUSTOM_WORK_H
#define BERTH_POOL_CUSTOM_WORK_H

#include <stdint.h>

#include "base/argv.h"
#include "pool/custom.h"
#include "pool/pool_private.h"

#define CUSTOM_FILE "volume.json"
#define CUSTOM_SNAPSHOT_FILE "snapshot.json"

/* Where a volume is, taken on the loop for threads too, which may not look at the pools. */
struct custom_place {
	bool owned;  /* an instance's own */
	char *dir;   /* the folder it lies in; NULL: its pool is not known */
	char *path;  /* the data */
	char *meta;  /* .NAME beside it */
	char *trash; /* ..old.MARK beside it: what it is called while it goes */
};

/*
 * Of args {"pool","volume","snapshot","mark": names what is half-made; "from_pool","from"}. "owned" and "from_owned" say
 * what the two were when the operation began: while the folder of an instance's own volume is away, nothing tells.
 */
struct custom_work {
	struct berthd *b;
	cJSON *args;
	const char *pool, *name, *snapshot, *driver;
	struct custom_place at, from;
	const char *path, *meta; /* of at */
	char *temp;  /* ..new.MARK beside it */
	cJSON *parts; /* trees still to be copied: {"from","to","readonly"} */
	char *limited; /* for the thread of custom_limit() */
	uint64_t bytes;
	struct migrate_link *link; /* of a migration from or to another server; freed with this */
	struct placing *placing;   /* of its target, while a thread places what came */
};

void *custom_load(void *ctx, cJSON *args, struct error *err);
void custom_unload(void *data);
/* With custom_locks() of its args. */
struct op *custom_start(struct berthd *b, const struct op_kind *kind, cJSON *args_taken, struct error *err);
cJSON *custom_args(const char *pool, const char *name); /* with a new mark */
/*
 * What an operation of these args holds: of the volume, and of those in "from" and "to". An instance's own volume has
 * another name (instance/volume.h), whose lock comes along, and so does its owner's. argv_clear() it.
 */
void custom_locks(const struct berthd *b, cJSON *args, struct argv *ret);
/* ERROR_CONFLICT while some operation holds or awaits one of these. */
int custom_check_idle(const struct berthd *b, const char *pool, const char *name, struct error *err);

bool custom_is_owned(const struct berthd *b, const char *pool, const char *name); /* is there, and an instance's own */

char *custom_snapshot_folder(const char *meta, const char *snapshot); /* of a folder as custom_meta(); caller frees */
char *custom_meta(const struct berthd *b, const char *pool, const char *name); /* caller frees */
cJSON *custom_read(const struct berthd *b, const char *pool, const char *name); /* volume.json, or what stands for none */
int custom_write(const char *meta, const cJSON *volume, struct error *err); /* only description, config, created_at of it */
int custom_find(const struct berthd *b, const char *pool, const char *name, struct error *err);
/* Instances and profiles that have it: [URLs]; running: only instances that run. Looks at every instance. */
cJSON *custom_users(struct berthd *b, const char *pool, const char *name, bool running);

bool custom_is_device_of(const cJSON *device, const char *pool, const char *name);
/*
 * A rename ("pool", "volume", "to") and a move ("from_pool", "from", "pool", "volume") take the devices of stopped instances
 * and of profiles along (custom_users.c). Before the operation is started note, which fills args "users", for its locks
 * too; in its first step check. Then the steps: users before the volume goes, render after it went.
 * "Volume is still in use by running instances"
 */
int custom_users_note(struct berthd *b, cJSON *args, struct error *err);
int custom_users_check(struct berthd *b, cJSON *args, struct error *err);
enum op_result step_custom_users(struct op *op, struct error *err);
enum op_result step_custom_unusers(struct op *op, struct error *err); /* undo */
enum op_result step_custom_render(struct op *op, struct error *err);

/* Copies w->parts one after the other; ends the step. */
enum op_result custom_copy_parts(struct op *op, struct error *err);
void custom_add_part(struct custom_work *w, const char *from, const char *to, bool readonly);
/* The data of args "from", or of its "from_snapshot", into `to`. */
void custom_add_source(struct custom_work *w, const char *to);
/* Its snapshots of these names into snapshots/ of the folder `meta`, which gets it now: notes at once, data as parts. */
int custom_add_snapshots(struct custom_work *w, const cJSON *names, const char *meta, struct error *err);
/* Undo, and the sweep of what puts another tree in place: w->temp and what is in it, limits too; in a thread. */
enum op_result step_custom_untemp(struct op *op, struct error *err);
/* Makes w->temp, if the pool is there (still). */
int custom_make_temp(const struct custom_work *w, struct error *err);
/* Gives the tree the "size" of config, in a thread: the step's last act. */
enum op_result custom_limit(struct op *op, const char *path, const cJSON *config, struct error *err);

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
/*
 * Of a refresh: it is there, and no running instance has it. After its swap the snapshots named in args "gone" go, and those in
 * "fresh", which lie in temp/snapshots/, come instead.
 */
int custom_refresh_check(const struct custom_work *w, struct error *err);
enum op_result step_custom_swap_snapshots(struct op *op, struct error *err);
/* Can this pool keep a volume below a size? */
bool custom_limits(const struct berthd *b, const char *pool);
/* Idempotent: what has been moved already is not there any more. */
int custom_move_if_there(const char *from, const char *to, struct error *err);
extern const struct op_kind custom_create_kind, custom_delete_kind, custom_rename_kind, custom_snapshot_create_kind,
	custom_snapshot_delete_kind, custom_snapshot_rename_kind,
	custom_restore_kind, custom_refresh_kind, custom_update_kind;

#endif
