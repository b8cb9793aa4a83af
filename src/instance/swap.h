/* SPDX-License-Identifier: MIT */
/*
 * Another tree in place of the instance's own: restore, rebuild, and going back to a snapshot. The new tree is made in
 * NAME/.new while the old one stays in use; then the parts (rootfs, with the overlay driver upper, work, lower, and
 * metadata, where there is a new one) change places by rename, the old ones to NAME/.old, which goes last. Killed in between, the instance has its old tree.
 *
 *	{ "clear", step_swap_clear, NULL, 3600, 0 },
 *	{ "stage", step that calls swap_stage() and fills it, step_unstage, … }, stop it and unmount,
 *	{ "swap", step_swap, step_unswap }, { "commit": writes berth.json and config, undo: as they were },
 *	{ "sweep", step_swap_sweep, NULL, 3600, OP_COMMIT }
 *
 * step_swap() makes its own record, so its row may be OP_UNRECORDED; it keeps berth.json and config too.
 */
#ifndef BERTH_INSTANCE_SWAP_H
#define BERTH_INSTANCE_SWAP_H

#include "instance/work.h"

char *swap_staging(const struct work *w); /* NAME/.new; caller frees */
/* Makes it, empty, with the owner and mode of the instance's folder. */
int swap_stage(const struct work *w, struct error *err);
enum op_result step_swap_clear(struct op *op, struct error *err); /* before it: what an earlier one left there goes, in a thread */
enum op_result step_unstage(struct op *op, struct error *err); /* removes it */
/*
 * The instance is stopped and nothing is mounted. A part that NAME/.new lacks is gone from the instance afterwards, but
 * for its metadata. Makes
 * its own durable record of what it does; that it is done becomes durable with the next durable write in the folder.
 */
enum op_result step_swap(struct op *op, struct error *err);
enum op_result step_unswap(struct op *op, struct error *err);
/*
 * Also the configuration becomes args "old" again, on a full disk too: then the commit needs no undo, and no record of its
 * own, and is never undone without the swap.
 */
enum op_result step_unswap_and_uncommit(struct op *op, struct error *err);
/* For undos of what came before: step_unswap() has failed, so the instance has parts of two trees. */
bool swap_half_undone(const struct work *w);
/* args "ran": undoes the stop before the swap; fails when swap_half_undone(). */
enum op_result step_swap_unstop(struct op *op, struct error *err);
enum op_result step_swap_unstart(struct op *op, struct error *err); /* args "ran": undoes the start after it */
enum op_result step_swap_seal(struct op *op, struct error *err);  /* the swap is final, whatever a record says */
enum op_result step_swap_sweep(struct op *op, struct error *err); /* that too, then what it left goes */

#endif
