/* SPDX-License-Identifier: MIT */
/*
 * `lxc copy --refresh` onto an instance that is there: it gets the files, configuration and snapshots that its source has
 * now. Its own stay: addresses, ids, the time it was made. Until all is copied it is as it was.
 */
#ifndef BERTH_INSTANCE_REFRESH_H
#define BERTH_INSTANCE_REFRESH_H

#include "instance/work.h"

/* Is it asked for, and is there an instance of that name? Else it is a copy like others. */
bool refresh_asked(const struct berthd *b, const cJSON *request, const char *name);
/* args_taken: as create.c has them for a copy (instance/copy.h): "name", "desired", "copy_of", "with_snapshots", … */
struct op *refresh_start(struct berthd *b, cJSON *args_taken, struct error *err);
/* The same from another server; args_taken as receive_take() leaves them. */
struct op *refresh_receive(struct berthd *b, cJSON *args_taken, bool pushed, struct error *err);
void refresh_register(struct op_queue *q);

#endif
