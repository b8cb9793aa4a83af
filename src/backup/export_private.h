/* SPDX-License-Identifier: MIT */
/* What the exports of instances and those of volumes share: how one is made (export_make.c) and kept (export_shelf.c). */
#ifndef BERTH_BACKUP_EXPORT_PRIVATE_H
#define BERTH_BACKUP_EXPORT_PRIVATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/argv.h"
#include "base/error.h"
#include "instance/work.h"
#include "pool/custom_work.h"
#include "proc/op.h"

#define EXPORTS_DIR "exports" /* in backup_path: a shelf UUID/ for each instance */

/* ---- export_shelf.c: a shelf is the folder of all exports of one owner, each a folder with these two in it */

#define EXPORT_NOTE "export.json"
#define EXPORT_ARCHIVE "archive"
#define EXPORT_INDEX "index.yaml" /* in the archive, below backup/ */

/* A name of a backup is a file's: no '/', no leading '.', no control characters, at most 200 bytes. */
int export_name_check(const char *name, struct error *err);
/* ERROR_CONFLICT 'Backup "OWNER/NAME" already exists', always -1 */
int export_already(const char *owner, const char *name, struct error *err);
/* The export.json's on it, oldest first; caller frees. A shelf that is not there is an empty one. */
cJSON *export_shelf_list(const char *shelf);
/* One of them; NULL when there is none: ERROR_NOT_FOUND with the words of missing. Caller frees. */
cJSON *export_shelf_get(const char *shelf, const char *name, const char *missing, struct error *err);
/* Its archive, open for reading; -1 as above. */
int export_shelf_open(const char *shelf, const char *name, const char *missing, struct error *err);
/* Is there one that can be renamed so? `missing` is for want of it, `owner` for export_already(). */
int export_shelf_can_rename(const char *shelf, const char *name, const char *to, const char *missing, const char *owner,
			    struct error *err);
/* One is called `gone` (a path) while it goes. OP_DONE, also when something is called so already, or OP_FAIL. */
enum op_result export_shelf_hide(const char *shelf, const char *name, const char *gone, struct error *err);
/* Blocking, idempotent: removes the folder; the shelf goes with the last one. */
int export_shelf_clear(const char *shelf, const char *folder, struct error *err);
/* One rename(2): there is no half of it. OP_DONE or OP_FAIL. */
enum op_result export_shelf_rename(const char *shelf, const char *name, const char *to, const char *owner, struct error *err);
bool export_has_expired(const cJSON *note);

/* ---- export_make.c: the operation's steps; what is archived, and where it lies, its kind knows */

/*
 * Data of both kinds of operation. Their args (journalled), beyond those of the room: export (the name), expires_at,
 * created_at, compression_algorithm, warnings[], left[]: the snapshots that are still to be read.
 */
struct exporting {
	union {
		struct work w;         /* first: steps of the room instance see only this … */
		struct custom_work c;  /* … and those of the room pool this */
	};
	struct berthd *b;
	cJSON *args;             /* the operation's */
	char *dir;               /* its place on the shelf */
	char *facts;             /* "backup/index.yaml" and what else is small is in here */
	char *out;               /* the archive is made in here, which becomes dir */
	const char *only;        /* "instance_only", "volume_only": goes into the note */
	op_fn next_tree;         /* feeds the next tree, as pipeline_next() says */
	struct pipeline *pipeline;
};

/* dir, facts and out are taken; b, args and the work are the caller's to set. */
struct exporting *export_making_new(char *dir, char *facts, char *out, const char *only, op_fn next_tree);
void export_making_free(struct exporting *e); /* but the work, in which its caller frees the struct itself */

enum op_result step_export_open(struct op *op, struct error *err);
enum op_result step_export_kill(struct op *op, struct error *err); /* its undo */
enum op_result step_export_index(struct op *op, struct error *err); /* the first member: LXD reads no further to know what it has */
enum op_result step_export_trees(struct op *op, struct error *err);
enum op_result step_export_finish(struct op *op, struct error *err);
enum op_result step_export_sync(struct op *op, struct error *err);
/* Idempotent, and done again by the next start. */
enum op_result step_export_place(struct op *op, struct error *err);

/* tar to stdout, numeric ids; what to put into it is to follow. */
void export_push_tar(struct argv *argv);
/* For it: "./etc/hosts" becomes FOLDER/etc/hosts, also where a hard link leads; what a symbolic link says stays. */
void export_push_transform(struct argv *argv, const char *folder);

/* Of the request: expires_at, compression_algorithm; and when. ERROR_INVALID names what is wrong. */
int export_take(const cJSON *request, cJSON *args, struct error *err);
/* args "export": the request's name, or the next free "backup%u"; or export_already(), also when it is only being made. */
int export_take_name(struct berthd *b, const char *shelf, const char *owner, const cJSON *request, cJSON *args, struct error *err);
/* Resources of the operation that makes it, with "backups" only; not its URL: clients cut "/1.0/backups/" off. */
cJSON *export_resources(const cJSON *args);

/* ---- export_index.c */

/* LXD's index.yaml; snapshots: those that go in, by "name". Caller frees. */
cJSON *export_index(const char *name, const char *backend, const char *pool, const char *type, const cJSON *snapshots,
		    cJSON *config_taken);
/* Into the folder dir; args "left" gets the names of the snapshots. */
int export_write_index(const char *dir, const cJSON *index, cJSON *args, struct error *err);

extern const struct op_kind export_kind, volume_export_kind;

#endif
