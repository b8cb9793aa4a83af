/* SPDX-License-Identifier: MIT */
/* The log files in an instance's folder. The folder is the mapped root's, so names in it are not to be trusted. */
#ifndef BERTH_API_INSTANCE_LOGS_H
#define BERTH_API_INSTANCE_LOGS_H

#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"

struct request;
struct instance;

/* Replies with the file; or_empty: a missing one is an empty one, else 404. */
void instance_log_reply(struct request *r, struct instance *inst, const char *name, bool or_empty);
/* Cuts it to nothing; a missing one is fine. */
int instance_log_empty(struct berthd *b, const struct instance *inst, const char *name, struct error *err);
/* LXD's lifecycle events of logs: source is the instance; with file, context is {"file": file}. */
void instance_log_event(struct request *r, const struct instance *inst, const char *action, const char *file);

#endif
