/* SPDX-License-Identifier: MIT */
/*
 * Making, listing, testing and deleting backups (format.h). An operation on one holds the instance's lock, so neither
 * is it changed meanwhile, nor are two backups of it made at once.
 */
#ifndef BERTH_BACKUP_BACKUP_H
#define BERTH_BACKUP_BACKUP_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * request (NULL: {}): all optional
 *	hint       one line, at most 1000 characters
 *	mode       "live" (read as it is), "freeze" (then frozen for what changed meanwhile) or "stop"; backups.mode unless
 *	           given, "live" unless that is set. Stopped or frozen by its user: all the same.
 *	exclude    [patterns], backups.exclude unless given: anchored at the instance's root, '*' matches '/' too, what lies
 *	           below a match is left out as well: "/var/cache/apt/archives", "/var/tmp"
 *	bandwidth  bytes of the (uncompressed) stream per second: number, or "10MB"
 *	level      0-9
 *	keep       {"last":N,"daily":N,"weekly":N,"monthly":N}: backup_prune() by this afterwards; backups.keep unless given
 *	timeout    seconds of a clean stop (60)
 *	force      kill it if it does not stop in that time
 * The operation's metadata afterwards: {file, path, size, sha256}; backups[] of its resources names
 * /1.0/instances/NAME/backups/FILE.
 */
struct op *backup_create(struct berthd *b, const char *name, const cJSON *request, struct error *err);

/*
 * What is really there, newest first, of one instance or (NULL) of all, also those that are gone:
 * [{file, path, instance, created_at, mode, hint, size, sha256, …, state, reason}]; state: "ok", "damaged" (the sidecar is
 * missing, does not fit, or has lost its archive: reason says it) or "foreign" (no backup of ours; instance ""). Only when instance is NULL
 * are foreign files listed.
 */
cJSON *backup_list(struct berthd *b, const char *instance, struct error *err);
/* One of it. ERROR_NOT_FOUND "Backup not found", ERROR_INVALID for what cannot be a name. */
cJSON *backup_get(struct berthd *b, const char *file, struct error *err);

/* Reads all of it: its checksum, and whether 7-Zip finds it sound. The error says what is wrong. */
struct op *backup_verify(struct berthd *b, const char *file, struct error *err);

/* Archive and sidecar. name: NULL, or the instance it must be of (else ERROR_NOT_FOUND). */
struct op *backup_delete(struct berthd *b, const char *name, const char *file, struct error *err);
/* All of the instance, which may be gone; damaged ones of its name too. ERROR_CONFLICT: one is being restored or tested. */
int backup_delete_all(struct berthd *b, const char *name, struct error *err);

/*
 * Deletes the good backups of the instance that keep ({"last":N,…}, see retention.h) does not want; never the newest
 * one, never damaged or foreign files, nor one that is being restored or tested. Returns the file names deleted (to be deleted: dry_run), NULL on error.
 */
cJSON *backup_prune(struct berthd *b, const char *name, const cJSON *keep, bool dry_run, struct error *err);

/* Instances with backups.schedule are backed up by the clock from now on, one at a time; started() hears of each. */
typedef void (*backup_started_cb)(struct op *op, const char *name, void *data);
void backup_due_start(struct berthd *b, backup_started_cb started, void *data);
void backup_due_stop(struct berthd *b); /* what runs goes on */

void backup_register(struct op_queue *q);

#endif
