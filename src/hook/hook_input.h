/* SPDX-License-Identifier: MIT */
/* What a hook is told: its environment and its standard input. */
#ifndef BERTH_HOOK_HOOK_INPUT_H
#define BERTH_HOOK_HOOK_INPUT_H

#include "base/argv.h"
#include "proc/op.h"

/* The instance as LXD's object, with "event", "operation" and what else the operation's args name. Caller frees. */
char *hook_input(struct op *op);
/* Before the instance goes: keeps it in the operation's args for the hooks that run afterwards. */
void hook_input_keep(struct op *op);
/* All of it but PATH. */
void hook_environment(struct op *op, const char *hook, struct argv *ret_env);

#endif
