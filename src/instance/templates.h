/* SPDX-License-Identifier: MIT */
/*
 * The templates of an instance's image (instance/metadata.h), rendered into its files when it starts, as LXD does: those
 * whose "when" has "start", and before them those of what happened since the last start: "create", "copy" or "rename",
 * which volatile.apply_template keeps. One that cannot be rendered or written is a warning, never a start that fails.
 */
#ifndef BERTH_INSTANCE_TEMPLATES_H
#define BERTH_INSTANCE_TEMPLATES_H

#include "instance/work.h"

/* Something happened to it; what happened first counts, until it starts. Not saved. */
void templates_defer(cJSON *desired, const char *trigger);
/* OP_DONE: there is nothing to render; OP_WAIT: it is being done, then next. The container does not run. */
enum op_result templates_apply(struct op *op, op_fn next, struct error *err);

#endif
