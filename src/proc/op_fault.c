/* SPDX-License-Identifier: MIT */
/*
 * Fault injection for tests, only in builds with FAULTS=1. The environment
 * variable BERTH_FAULT=KIND/STEP/ACTION: "fail" (before the step runs),
 * "fail-after" (it ran, and is reported as failed), "kill" and "kill-after"
 * (the daemon dies by SIGKILL there). BERTH_FAULT_FILE names a file that holds
 * one, looked at each time: another fault needs no other daemon.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "proc/op_private.h"

enum { FAULT_MAX = 4096 };

#ifdef BERTH_FAULTS
/* What is asked for now, "" if nothing. */
static void wanted(struct strbuf *ret)
{
	const char *path = getenv("BERTH_FAULT_FILE"), *fault = getenv("BERTH_FAULT");
	struct error ignored = ERROR_INIT;

	if (path != NULL && fs_read_file(path, FAULT_MAX, ret, &ignored) == 0 && ret->len > 0)
		return;
	strbuf_reset(ret);
	strbuf_addstr(ret, fault != NULL ? fault : "");
}

bool op_fault(const struct op *op, enum op_fault_point point, struct error *err)
{
	AUTO_STRBUF struct strbuf want = STRBUF_INIT;
	AUTO_FREE char *prefix = mem_printf("%s/%s/", op->kind->name, op->kind->steps[op->step].name);
	const char *action;

	wanted(&want);
	if (op->recovering || strncmp(want.buf, prefix, strlen(prefix)) != 0)
		return false;
	action = want.buf + strlen(prefix);
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
