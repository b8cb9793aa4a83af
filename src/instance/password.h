/* SPDX-License-Identifier: MIT */
#ifndef BERTH_INSTANCE_PASSWORD_H
#define BERTH_INSTANCE_PASSWORD_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * Sets a password, of a running or a stopped instance. request: {"user": name ("root" unless given), "password": 1 to
 * 511 bytes, one line}. It is kept in memory only, until the operation has handed it on; neither the operation's args
 * nor any message has it. The caller wipes its own copy.
 */
struct op *instance_password(struct berthd *b, const char *name, const cJSON *request, struct error *err);

#endif
