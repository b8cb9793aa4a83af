/* SPDX-License-Identifier: MIT */
/*
 * Device nodes of the host that come and go (unix-char and unix-block with required=false): their folders are watched while the
 * instance runs; a node that comes is given to it, one that goes is taken away.
 */
#ifndef BERTH_INSTANCE_LATE_H
#define BERTH_INSTANCE_LATE_H

#include "instance/instance.h"

struct late;

void late_start(struct berthd *b); /* before proxies_start(), which has the instances looked at */
void late_stop(struct berthd *b);
/* devices: expanded, of one that runs; NULL: it does not. Before late_start() nothing. */
void late_reconcile(struct berthd *b, const struct instance *inst, const cJSON *devices);
void late_instance_gone(struct berthd *b, const char *name);

#endif
