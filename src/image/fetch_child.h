/* SPDX-License-Identifier: MIT */
/* berth-fetch as the child of a step. */
#ifndef BERTH_IMAGE_FETCH_CHILD_H
#define BERTH_IMAGE_FETCH_CHILD_H

#include <cjson/cJSON.h>

#include "base/argv.h"
#include "proc/op.h"

/* argv stays the caller's, spec is what it reads, done as of op_child_spec(). */
enum op_result fetch_child(struct op *op, struct argv *argv, cJSON *spec_taken, proc_line_cb on_line, op_child_cb done,
			   struct error *err);
/* Its last words are the error, its exit status says of what kind. */
int fetch_child_check(const struct proc_result *result, struct error *err);
/* Of "progress BYTES TOTAL": -1 for another line; *ret_percent is 0 when the total is not known, and 99 at most. */
int fetch_child_progress(const char *line, unsigned long long *ret_done, unsigned long long *ret_total, int *ret_percent);

#endif
