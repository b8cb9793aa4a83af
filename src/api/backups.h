/* SPDX-License-Identifier: MIT */
#ifndef BERTH_API_BACKUPS_H
#define BERTH_API_BACKUPS_H

#include <cjson/cJSON.h>

struct berthd;
struct instance;

/* Scheduled backups begin, with their lifecycle events. backup_due_stop() ends it. */
void backups_by_the_clock(struct berthd *b);

/* LXD's InstanceBackup of each of its archives in LXD's format, oldest first; new array. */
cJSON *backups_of(struct berthd *b, const struct instance *inst);

#endif
