/* SPDX-License-Identifier: MIT */
/*
 * The parts of a launch, and of a refresh, that differ when the source is an instance of another server, LXD 5.0's or berth's
 * (backup/migrate.h is the other side; helper/migrate_session.h what they say). What comes lies in NAME/.received until
 * the end:
 *
 *   data/        beside the tree: metadata.yaml, templates/; data/rootfs is where rsync sees the tree
 *   snapshots/N  trees, of header.json's N-th snapshot
 *   spec.json, header.json
 *
 * The operation's args hold "receive": {"refresh": bool, "push": bool}; its connections are the work's link.
 */
#ifndef BERTH_INSTANCE_RECEIVE_H
#define BERTH_INSTANCE_RECEIVE_H

#include "instance/migrate_link.h"
#include "instance/work.h"

#define RECEIVE_FOLDER ".received"

bool receive_is(const struct work *w);
bool receive_asked(const cJSON *request); /* source.type is "migration" */
/* Fills args from source {"type":"migration","mode":"pull"|"push",…}; ret_link: to attach to the operation that is started. */
int receive_take(struct berthd *b, const cJSON *request, cJSON *args, struct migrate_link **ret_link, struct error *err);

/* Makes rootfs in the folder of spec, whose driver must be "dir", and lets the other server fill it. WAITs. */
enum op_result receive_tree(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err);
/*
 * After it: the snapshots take their places, args "into_staging": in NAME/.new (snapshot_staged()). A refresh has args
 * "fresh", "gone", "gone_images" then (refresh.c). In a thread: WAITs; then: what comes next, or NULL.
 */
enum op_result receive_snapshots(struct op *op, struct work *w, op_fn then, struct error *err);
/* Metadata and templates are read, and become the instance's. WAITs. */
enum op_result receive_metadata(struct op *op, struct work *w, struct error *err);
/* The source of a push is told that all is well; then: what comes next. WAITs. */
enum op_result receive_tell(struct op *op, struct work *w, op_fn then, struct error *err);
enum op_result receive_sweep(struct op *op, struct error *err); /* NAME/.received goes; also an undo */

/* ---- for a refresh */
/* own: snapshot_list() of the instance */
void receive_plan_refresh(struct work *w, const cJSON *own);
/* As receive_tree(), into NAME/.new, over a copy of what is there. */
enum op_result receive_over(struct op *op, struct work *w, const char *own_driver, struct error *err);
void receive_cancel(struct op *op);

#endif
