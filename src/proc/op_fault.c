/* SPDX-License-Identifier: MIT */
/*
 * Fault injection for tests, only in builds with FAULTS=1. The environment
 * variable BERTH_FAULT=KIND/STEP/ACTION: "fail" (before the step runs),
 * "fail-after" (it ran, and is reported as failed), "kill" and "kill-after"
 * (the daemon dies by SIGKILL there).
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "proc/op_private.h"

#ifdef BERTH_FAULTS
bool op_fault(const struct op *op, enum op_fault_point point, struct error *err)
{
	const char *want = getenv("BERTH_FAULT");
	AUTO_FREE char *prefix = mem_printf("%s/%s/", op->kind->name, op->kind->steps[op->step].name);
	const char *action;

	if (want == NULL || op->recovering || strncmp(want, prefix, strlen(prefix)) != 0)
		return false;
	action = want + strlen(prefix);
	if (strcmp(action, point == OP_FAULT_BEFORE ? "kill" : "kill-after") == 0) {
		kill(getpid(), SIGKILL);
		pause();
	}
	if (strcmp(action, point == OP_FAULT_BEFORE ? "fail" : "fail-after") != 0)
		return false;
	error_set(err, ERROR_SYSTEM, "injected fault at '%s'", op->kind->steps[op->step].name);
	return true;
}
#else
bool op_fault(const struct op *op, enum op_fault_point point, struct error *err)
{
	return false;
}
#endif
