/* SPDX-License-Identifier: MIT */
/* What the steps of making a backup share. */
#ifndef BERTH_BACKUP_MAKING_H
#define BERTH_BACKUP_MAKING_H

#include "backup/backup.h"
#include "backup/format.h"
#include "backup/pipeline.h"
#include "instance/work.h"

#define MAKING_DAY_S 86400

struct making {
	struct work w; /* first: steps of the room instance see only this */
	char *file;
	char *tmp;     /* the folder it is made in */
	struct pipeline *pipeline;
	uint64_t expected;
};

/* Names in the folder. */
#define MAKING_RECORDS "records"
#define MAKING_NAMES "names"
#define MAKING_SPILL "spill.tar"

/*
 * The operation's args (journalled): name, file, backup (= file, for hooks), mode, hint, exclude[], bandwidth, level,
 * keep{}, timeout, force; noted by steps: froze, stopped, init (of the run that was asked to end), down (why it could not
 * be started again), since, info{} (the sidecar to be).
 */

/* create_quiet.c: stopping, freezing and their opposites */
enum op_result step_backup_stop(struct op *op, struct error *err);
enum op_result step_backup_settle(struct op *op, struct error *err);
enum op_result step_backup_sweep(struct op *op, struct error *err);
enum op_result step_backup_unstop(struct op *op, struct error *err); /* undo of the stop */
enum op_result step_backup_start(struct op *op, struct error *err);
enum op_result step_backup_started(struct op *op, struct error *err);
enum op_result step_backup_report(struct op *op, struct error *err); /* fails when it could not be started again */
enum op_result step_backup_freeze(struct op *op, struct error *err);
enum op_result step_backup_thaw(struct op *op, struct error *err); /* also the undo of the freeze */

/* create_return.c: when it has gone down at last, it is started again; -1: that cannot be waited for. */
int backup_return(struct berthd *b, const char *name, const char *init, struct error *err);
char *backup_run_of(const struct instance *inst); /* process_id() of its init; NULL when there is none */
void backup_return_register(struct op_queue *q);

/* create_tree.c: reading the tree */
enum op_result step_backup_measure(struct op *op, struct error *err);
enum op_result step_backup_first_pass(struct op *op, struct error *err);
enum op_result step_backup_compare(struct op *op, struct error *err);
enum op_result step_backup_second_pass(struct op *op, struct error *err);
enum op_result step_backup_append(struct op *op, struct error *err);
/* Does this one have a second pass? Not if it does not run now. */
bool backup_twice(const struct making *m);

/* create.c */
void backup_create_register(struct op_queue *q);

/* create_request.c */
int backup_args(struct berthd *b, const char *name, const cJSON *request, cJSON *args, struct error *err);

#endif
