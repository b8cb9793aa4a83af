/* SPDX-License-Identifier: MIT */
/* What becomes of a hook's end: kept for people to see, and as an error. */
#ifndef BERTH_HOOK_HOOK_OUTPUT_H
#define BERTH_HOOK_HOOK_OUTPUT_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "proc/proc.h"

/*
 * {"event", "hook", "exit", "output"}: exit as a shell has it (128 + signal; 124 when it timed out; -1 and no output
 * when result is NULL: it could not be run). output is the tail of stdout, then of stderr, without control characters.
 */
cJSON *hook_result(const char *event, const char *hook, const struct proc_result *result);

/* -1 unless it exited with 0; err is made of the last lines that it printed, or says how it ended. */
int hook_check(const struct proc_result *result, unsigned timeout_s, struct error *err);

#endif
