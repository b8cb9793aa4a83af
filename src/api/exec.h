/* SPDX-License-Identifier: MIT */
/*
 * Commands in running instances: lxc-attach as a child, between the websockets of an operation or recorded to files.
 * The operation holds no lock and no slot: an instance may be stopped while commands run in it, and they end.
 */
#ifndef BERTH_API_EXEC_H
#define BERTH_API_EXEC_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "berthd.h"
#include "proc/op.h"

/*
 * Args: {"name", "command": [], "environment": {}, "interactive", "width", "height", "user", "group", "cwd": all as LXD's
 * InstanceExecPost, complete and checked; "record": bool}. With sockets the operation's metadata has fds, command,
 * environment and interactive; at its end "return" (128 + n after signal n), and for a recording "output".
 */
struct op *exec_start(struct berthd *b, cJSON *args_taken, bool sockets, struct error *err);

/*
 * The console of a running instance: args {"name", "width", "height"}; fds 0 and control. It ends when the client leaves
 * or the instance stops. One at a time may have it: the second one's operation fails.
 */
struct op *console_start(struct berthd *b, cJSON *args_taken, struct error *err);

/* A whole number from 0 to max of a request; absent or null: 0. */
int exec_take_number(const cJSON *body, const char *key, double max, cJSON *args, struct error *err);

#endif
