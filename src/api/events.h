/* SPDX-License-Identifier: MIT */
/*
 * GET /1.0/events: operation, lifecycle and logging events to every websocket
 * that asked for their type. An event is kept once for all who have not had
 * it; who does not read is dropped: after half a minute with 1 MiB waiting, or
 * when all that waits is more than 16 MiB and it is the farthest behind.
 */
#ifndef BERTH_API_EVENTS_H
#define BERTH_API_EVENTS_H

#include <cjson/cJSON.h>

#include "berthd.h"
#include "proc/op.h"

struct events *events_new(struct berthd *b); /* hooks itself to op_queue_on_change and the log sink */
void events_free(struct events *e);
/*
 * action "instance-started", source "/1.0/instances/c1"; context taken, may be NULL. who: the requestor (requestor.h),
 * op_origin() of an operation; NULL: nobody asked for it.
 */
void events_lifecycle(struct events *e, const char *action, const char *source, cJSON *context_taken, const cJSON *who);
/* The same of what a request does at once. */
struct request;
void events_request(struct request *r, const char *action, const char *source, cJSON *context_taken);

#endif
