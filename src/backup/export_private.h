/* SPDX-License-Identifier: MIT */
/* What the files export_*.c share. */
#ifndef BERTH_BACKUP_EXPORT_PRIVATE_H
#define BERTH_BACKUP_EXPORT_PRIVATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/argv.h"
#include "base/error.h"
#include "proc/op.h"

/* Names in the folder of an export. */
#define EXPORT_NOTE "export.json"
#define EXPORT_ARCHIVE "archive"

/* A name of a backup is a file's: no '/', no leading '.', no control characters, at most 200 bytes. */
int export_name_check(const char *name, struct error *err);
/* tar to stdout, numeric ids; what to put into it is to follow. */
void export_push_tar(struct argv *argv);
/* args "expires_at" of the request's */
int export_take_expiry(const cJSON *request, cJSON *args, struct error *err);
int export_check_algorithm(const char *algorithm, struct error *err);
/* The export.json's of the folders in parent, oldest first. */
cJSON *export_list_in(const char *parent);
bool export_has_expired(const cJSON *note);
void export_create_register(struct op_queue *q);
/* For op_thread: removes the folder, and the one above it if it was the last; the path is freed. */
int export_remove_fn(void *path_taken, struct error *err);

#endif
