/* SPDX-License-Identifier: MIT */
/* What the files export_*.c share. */
#ifndef BERTH_BACKUP_EXPORT_PRIVATE_H
#define BERTH_BACKUP_EXPORT_PRIVATE_H

#include "base/error.h"
#include "proc/op.h"

/* Names in the folder of an export. */
#define EXPORT_NOTE "export.json"
#define EXPORT_ARCHIVE "archive"

/* A name of a backup is a file's: no '/', no leading '.', no control characters, at most 200 bytes. */
int export_name_check(const char *name, struct error *err);
void export_create_register(struct op_queue *q);
/* For op_thread: removes the folder, and the one above it if it was the last; the path is freed. */
int export_remove_fn(void *path_taken, struct error *err);

#endif
