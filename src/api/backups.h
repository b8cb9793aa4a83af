/* SPDX-License-Identifier: MIT */
#ifndef BERTH_API_BACKUPS_H
#define BERTH_API_BACKUPS_H

struct berthd;

/* Scheduled backups begin, with their lifecycle events. backup_due_stop() ends it. */
void backups_by_the_clock(struct berthd *b);

#endif
