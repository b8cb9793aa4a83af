/* SPDX-License-Identifier: MIT */
/* Before raw.lxc is kept: does this LXC take its lines? LXC itself is asked, by lxc-info, which starts nothing. */
#ifndef BERTH_INSTANCE_RAW_PROBE_H
#define BERTH_INSTANCE_RAW_PROBE_H

#include "proc/op.h"

/*
 * A step, or the end of one. new and old (NULL: none) are configurations, expanded; OP_DONE at once when new has no raw.lxc,
 * or old's. It fails with ERROR_INVALID and the line that LXC does not take.
 */
enum op_result raw_probe(struct op *op, const cJSON *new, const cJSON *old, struct error *err);

#endif
