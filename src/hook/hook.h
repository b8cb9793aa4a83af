/* SPDX-License-Identifier: MIT */
/*
 * Lifecycle hooks: what the host's administrator put into hooks_path/EVENT/
 * runs at that event, see doc/berth-hooks.7.
 */
#ifndef BERTH_HOOK_HOOK_H
#define BERTH_HOOK_HOOK_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * Step function. A row { "pre-start", step_hook, NULL, 3600, 0 } runs the hooks of the event that is the row's name
 * (a row of the table in hook.c), for the instance that the operation's args name:
 *
 *   "name"      the instance; for post-rename it is "new_name"
 *   "desired"   what it is to be, of one that does not exist yet (berth.json's shape)
 *   "new_name", "copy_of", "snapshot", "backup"   strings that the hooks are told too
 *
 * The first pre-* hook that fails refuses: the step fails, so the row stands before what it may refuse, and before
 * OP_COMMIT. post-* hooks cannot fail the step. Without hooks it costs one open(). Undos run no hooks.
 * What each printed is kept as the operation's metadata "hooks".
 */
enum op_result step_hook(struct op *op, struct error *err);

/* Are there files in hooks_path/EVENT, whatever they are? Else an operation of its own for them is not worth it. */
bool hook_any(const struct berthd *b, const char *event);

/*
 * [{"event", "name", "path", "active", "reason"}] of one event, or of all when it is NULL: then also what stands beside
 * the folders of events, with "event": "". NULL: no such event.
 */
cJSON *hook_list(const struct berthd *b, const char *event, struct error *err);

#endif
