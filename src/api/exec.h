/* SPDX-License-Identifier: MIT */
/*
 * Commands in running instances: lxc-attach as a child, between the websockets of an operation or recorded to files.
 * The operation holds no lock and no slot: an instance may be stopped while commands run in it, and they end.
 */
#ifndef BERTH_API_EXEC_H
#define BERTH_API_EXEC_H

#include <cjson/cJSON.h>

#include "berthd.h"
#include "proc/op.h"

/*
 * Args: {"name", "command": [], "environment": {}, "interactive", "width", "height", "user", "group", "cwd": all as LXD's
 * InstanceExecPost, complete and checked; "record": bool}. With sockets the operation's metadata has fds, command,
 * environment and interactive; at its end "return" (128 + n after signal n), and for a recording "output".
 */
struct op *exec_start(struct berthd *b, cJSON *args_taken, bool sockets, struct error *err);

#endif
